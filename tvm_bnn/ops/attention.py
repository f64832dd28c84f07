"""Attention of every pixel over a few anchors, with binary queries and keys and 8-bit weights."""

from __future__ import annotations

import dataclasses
import decimal
import math
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.ops.base import AccumulatingOperator, Cost, Products, exact_matmul
from tvm_bnn.ops.bits import decode, unpack_bits, unpack_codes, words_for
from tvm_bnn.ops.checks import positive, whole
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.ops.tensors import Array, TensorSpec

WEIGHT_MAX = 255
"""Weight of an anchor as near as the nearest one."""

ACCUMULATOR_SHIFT = 16
"""Bits that are dropped from numerator times reciprocal."""


@dataclass(frozen=True)
class PooledAttention(AccumulatingOperator):
    """Softmax over the anchors, by the Hamming distance of signs; integers only.

    ``query`` int32 words [N, H, W, words_for(Ck)], ``key`` int32 words [N, 1, S, words_for(Ck)], ``value`` int32
    bit planes [N, 1, S, B words_for(Cv)], ``table`` uint8 [Ck + 1]. The values are bipolar: with B bits the odd
    integers v = 2 code - (2^B - 1). For every pixel, over its anchors s and for every value channel c::

        d_s   = popcount(query ^ key_s)
        a_s   = table[d_s - min over s of d_s]
        den   = max(sum over s of a_s, 1)
        num_c = sum over s of a_s v_sc
        r     = floor((2^E + floor(den / 2)) / den)          E = 31 - B
        accumulator_c = (num_c r) >> 16                      arithmetic: about num_c / den * 2^(15 - B)

    With signs of +1 and -1 the product of query and key is Ck - 2 d, so the table round(255 exp(-2 tau j)) of
    :func:`softmax_table` makes a_s / den the softmax of tau times the product; subtracting the least distance is
    subtracting the greatest score.

    No 32-bit step overflows. A weight is at most 255, so den <= D = 255 S, and |num_c| <= den (2^B - 1) since
    |v| <= 2^B - 1. By the definition of r, den r <= 2^E + floor(den / 2), hence
    |num_c r| <= R = (2^B - 1) (2^E + floor(D / 2)), and R < 2^31 is demanded. It bounds |num_c| as well:
    (2^B - 1) floor(D / 2) < 2^31 - (2^B - 1) 2^E = 2^E <= 2^30, so den (2^B - 1) < 2^31. The largest magnitude of the
    accumulator is ceil(R / 2^16), for the shift rounds towards minus infinity.

    Raises:
        ValueError: where a field has no meaning, or there are so many anchors that R would leave int32.
    """

    kind: ClassVar[str] = "pooled_attention"

    batch: int
    height: int
    width: int
    anchors: int
    key_channels: int
    value_channels: int
    value_bits: int = 1
    epilogue: Epilogue = field(default_factory=Epilogue)

    def _check_fields(self) -> None:
        positive(self.kind, batch=self.batch, height=self.height, width=self.width, anchors=self.anchors)
        positive(self.kind, key_channels=self.key_channels, value_channels=self.value_channels)
        whole(self.kind, 1, 8, value_bits=self.value_bits)
        if self._reach >= 2**31:
            raise ValueError(
                f"pooled_attention: {self.anchors} anchors with values of {self.value_bits} bits could leave int32"
            )

    @property
    def value_magnitude(self) -> int:
        """Largest magnitude of a value: 2^B - 1."""
        return int(2**self.value_bits - 1)

    @property
    def reciprocal_bits(self) -> int:
        """E: the reciprocal of den is in units of 2^-E."""
        return 31 - self.value_bits

    @property
    def _reach(self) -> int:
        """R."""
        return self.value_magnitude * (2**self.reciprocal_bits + WEIGHT_MAX * self.anchors // 2)

    def operands(self) -> tuple[TensorSpec, ...]:
        """Query, key, value and the table."""
        query = (self.batch, self.height, self.width, words_for(self.key_channels))
        key = (self.batch, 1, self.anchors, words_for(self.key_channels))
        value = (self.batch, 1, self.anchors, self.value_bits * words_for(self.value_channels))
        return (
            TensorSpec("query", query, "int32", "data"),
            TensorSpec("key", key, "int32", "data"),
            TensorSpec("value", value, "int32", "data"),
            TensorSpec("table", (self.key_channels + 1,), "uint8", "parameter"),
        )

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, H, W, Cv]."""
        return self.batch, self.height, self.width, self.value_channels

    def accumulator_bound(self) -> int:
        """ceil(R / 2^16)."""
        return -(-self._reach >> ACCUMULATOR_SHIFT)

    def accumulate(self, *operands: Array) -> Array:
        """Distances, weights, their sum and that of the weighted values, the quotient."""
        query, key, value, table = operands
        distance = self._distances(query.reshape(self.batch, -1, query.shape[-1]), key[:, 0])
        weight = table[distance - distance.min(axis=-1, keepdims=True)]
        denominator = np.maximum(weight.sum(axis=-1, dtype=np.int32, keepdims=True), 1)
        codes = unpack_codes(value[:, 0], self.value_channels, self.value_bits)
        values = decode(codes, self.value_bits, bipolar=True)
        numerator = exact_matmul(weight, values, WEIGHT_MAX * self.anchors * self.value_magnitude)
        reciprocal = (2**self.reciprocal_bits + denominator // 2) // denominator
        accumulator: Array = (numerator * reciprocal) >> ACCUMULATOR_SHIFT
        return accumulator.reshape(self.accumulator_shape())

    def _distances(self, query: Array, key: Array) -> Array:
        """Hamming distances, int32 [N, H W, S], of packed [N, H W, words] and [N, S, words]."""
        left, right = (2 * unpack_bits(words, self.key_channels).astype(np.int8) - 1 for words in (query, key))
        product = exact_matmul(left, right.transpose(0, 2, 1), self.key_channels)
        return (self.key_channels - product) // 2

    def cost(self) -> Cost:
        """Two products: scores of 1 x 1 bit, N H W S Ck, and weighted values of 8 x B bits, N H W S Cv.

        Apart from them, for every pixel: S comparisons for the least distance, S look-ups that stand for
        exponentials, and one division.
        """
        pixels = self.batch * self.height * self.width
        pairs = pixels * self.anchors
        scores = Products(pairs * self.key_channels, 1, 1)
        mixing = Products(pairs * self.value_channels, 8, self.value_bits)
        return Cost((scores, mixing), other=2 * pairs + pixels)

    def at(self, shape: tuple[int, ...]) -> Self:
        """The same attention for a query [N, H, W, ...]."""
        return dataclasses.replace(self, batch=shape[0], height=shape[1], width=shape[2])

    def label(self) -> str:
        """Channels of keys and values, anchors and size of the map, then the bits of the values if several."""
        usual = f"{self.kind} {self.key_channels}->{self.value_channels} a{self.anchors} {self.height}x{self.width}"
        return usual + f" {self.value_bits}bit" * (self.value_bits > 1)


def softmax_table(key_channels: int, tau: float) -> NDArray[np.uint8]:
    """Weights by distance: round(255 exp(-2 tau j)) for j = 0 .. ``key_channels``; the same bytes on every machine.

    Args:
        key_channels: Ck, at least 1.
        tau: what a product of signs is multiplied by before the softmax, finite and at least 0.

    Raises:
        ValueError: for other arguments.
    """
    positive("softmax_table", key_channels=key_channels)
    if not math.isfinite(tau) or tau < 0:
        raise ValueError(f"softmax_table: expected tau to be finite and at least 0, got {tau}")
    # Correctly rounded decimals: the last bit of a C library's exp differs from machine to machine.
    context = decimal.Context(prec=50)
    step = context.multiply(decimal.Decimal(-2), decimal.Decimal(float(tau)))
    powers = (context.exp(context.multiply(step, decimal.Decimal(j))) for j in range(key_channels + 1))
    return np.array([round(context.multiply(decimal.Decimal(WEIGHT_MAX), power)) for power in powers], np.uint8)
