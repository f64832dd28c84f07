"""Binary and bit-serial 2-D convolution on packed bits.

Algebra. An activation of A bits is a sum of planes, x = sum_a 2^a x_a, a weight of B bits w = sum_b 2^b w_b. A plane
is bipolar (its bit 1 means +1, bit 0 means -1) or unipolar (1 and 0). Over the K real channels and taps of a window
one plane against one plane is, with popcount P over the packed words::

    bipolar  x bipolar    K    - 2 P(x ^ w)        both differ in P(x ^ w) places
    unipolar x bipolar    P(w) -   P(x ^ w)        sum of x (2 w - 1) = 2 P(x & w) - P(x)
    bipolar  x unipolar          2 P(x & w) - P(w)
    unipolar x unipolar            P(x & w)

so every case is a constant per output channel plus a factor times one popcount, and planes add with weight 2^(a+b).

Padding bits of a word are 0 in both operands and cancel. Spatial padding ``one`` sets all bits of the real channels
(+1 for one bipolar bit); ``zero`` contributes exactly 0. Bipolar planes are padded with bit 0, which stands for
-(2^A - 1), so for them what the taps outside the map contribute is taken back: the one addend that depends on the
position besides the output channel.

Groups: output channel o of group g sees the input channels g C/G .. (g + 1) C/G - 1. A weight holds only those, from
bit 0 on. Where groups share a word of the activation, a lowering moves the weight bits up by g C/G and masks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np

from tvm_bnn.ops.base import Cost, Products, exact_matmul
from tvm_bnn.ops.bits import decode, unpack_codes, words_for
from tvm_bnn.ops.checks import flags, one_of, positive, whole
from tvm_bnn.ops.convolution import Convolution, setting
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.ops.tensors import Array, TensorSpec
from tvm_bnn.ops.window import Pair, Window

if TYPE_CHECKING:
    from tvm_bnn.ops.dense import Dense

PadValue = Literal["one", "zero"]


@dataclass(frozen=True)
class Conv2d(Convolution):
    """``x`` int32 words [N, H, W, A words_for(C)], ``weight`` int32 words [O, kh, kw, B words_for(C / G)].

    Raises:
        ValueError: where a field has no meaning or fields contradict each other (channels and groups, bit widths,
            an empty output map, sums that could leave int32).
    """

    kind: ClassVar[str] = "conv2d"

    batch: int
    height: int
    width: int
    in_channels: int
    out_channels: int
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Pair = (1, 1)
    pad_value: PadValue = "one"
    groups: int = 1
    activation_bits: int = 1
    weight_bits: int = 1
    activation_bipolar: bool = True
    weight_bipolar: bool = True
    epilogue: Epilogue = field(default_factory=Epilogue)

    def _check_fields(self) -> None:
        self._read_pairs(1, "dilation")
        super()._check_fields()
        one_of(self.kind, get_args(PadValue), pad_value=self.pad_value)
        positive(self.kind, groups=self.groups)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"conv2d: {self.in_channels} -> {self.out_channels} channels do not split into {self.groups} groups"
            )
        check_bits(self)

    @property
    def window(self) -> Window:
        """The sliding window."""
        return Window(self.kernel, self.stride, self.dilation, self.padding)

    @property
    def group_channels(self) -> int:
        """Input channels of one group."""
        return self.in_channels // self.groups

    @property
    def depth(self) -> int:
        """Products summed into one accumulator: K = kh kw C / G."""
        return math.prod(self.kernel) * self.group_channels

    def operands(self) -> tuple[TensorSpec, ...]:
        """Packed activation and packed weight."""
        x = (self.batch, self.height, self.width, self.activation_bits * words_for(self.in_channels))
        weight = (self.out_channels, *self.kernel, self.weight_bits * words_for(self.group_channels))
        return TensorSpec("x", x, "int32", "data"), TensorSpec("weight", weight, "int32", "parameter")

    def accumulator_bound(self) -> int:
        """K (2^A - 1) (2^B - 1)."""
        return self.depth * (2**self.activation_bits - 1) * (2**self.weight_bits - 1)

    def accumulate(self, *operands: Array) -> Array:
        """Unpack, pad, multiply as integers."""
        x, weight = operands
        codes = unpack_codes(x, self.in_channels, self.activation_bits)
        values = self.window.pad(decode(codes, self.activation_bits, bipolar=self.activation_bipolar), self.pad_number)
        windows = self.window.gather(values)
        groups = [self._group(windows, weight, group) for group in range(self.groups)]
        return np.concatenate(groups, axis=-1)

    @property
    def pad_number(self) -> int:
        """The integer that spatial padding stands for."""
        return 2**self.activation_bits - 1 if self.pad_value == "one" else 0

    def _group(self, windows: Array, weight: Array, group: int) -> Array:
        channels = slice(group * self.group_channels, (group + 1) * self.group_channels)
        outputs = self.out_channels // self.groups
        kernel = self.weight_values(weight[group * outputs : (group + 1) * outputs])
        columns = windows[..., channels].reshape(-1, self.depth)
        product = exact_matmul(columns, kernel.reshape(outputs, self.depth).T, self.accumulator_bound())
        return product.reshape(*self.accumulator_shape()[:3], outputs)

    def weight_values(self, weight: Array) -> Array:
        """Packed weights [O, kh, kw, B W] as integers [O, kh, kw, C / G]."""
        codes = unpack_codes(weight, self.group_channels, self.weight_bits)
        return decode(codes, self.weight_bits, bipolar=self.weight_bipolar)

    def cost(self) -> Cost:
        """One MAC a product; taps in the padding count."""
        macs = math.prod(self.accumulator_shape()) * self.depth
        return Cost((Products(macs, self.activation_bits, self.weight_bits),))

    def _extras(self) -> list[str]:
        bits = [f"{self.activation_bits}x{self.weight_bits}bit"] * (self.activation_bits * self.weight_bits > 1)
        return super()._extras() + setting("d", self.dilation) + [f"g{self.groups}"] * (self.groups > 1) + bits


def check_bits(operator: Conv2d | Dense) -> None:
    """Raise ValueError unless both operands have widths and polarities that are defined."""
    whole(operator.kind, 1, 8, activation_bits=operator.activation_bits)
    whole(operator.kind, 1, 2, weight_bits=operator.weight_bits)
    flags(operator.kind, activation_bipolar=operator.activation_bipolar, weight_bipolar=operator.weight_bipolar)
