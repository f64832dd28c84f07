"""Bits as bytes: what the lowerings that multiply bytes share.

Planes of activation bits are put together to one byte a channel and weights to signed bytes, both inside the function,
so that a bundle holds bits and the map travels as bits. With activations as the integers they stand for, the sum of
products is the accumulator. With the codes 0 .. 2^A - 1 of bipolar activations, x = 2 code - (2^A - 1)::

    acc = 2 sum(code w) - (2^A - 1) sum(w)

Either way words outside the map are 0 and stand for -(2^A - 1) where planes are bipolar, so zero padding is made up
for as in :mod:`tvm_bnn.lowering.popcount`.

Layouts. Channels lie in blocks of 64 where a group fills them, else in one block of all channels rounded up to four;
a block has quads of four channels. The stage ``bytes`` is [N, H + 2 p, W + 2 p, blocks, quads, 4]. The parameter
``weight`` is int32 [ceil(O / 64), 4, kh, kw, blocks, quads, 2 B]: of 16 filters by four channels the bits of one plane
after the other, bit 4 l + i for channel i of filter l. The stage ``signed`` is int8 [..., quads, 16, 4]. The stage
``acc`` is [N, HO, columns, ceil(O / 64), 4, 16], the axes of the other lanes.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import te
from tvm_bnn.lowering import popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.expand import BLOCK, QUAD, QUADS, Expansion
from tvm_bnn.ops.base import AccumulatingOperator, Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, WORD_BITS, pack_codes, unpack_codes
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any
Place = Callable[..., tuple[Expr, Expr, Expr, Expr]]

LANES = 16
VECTORS = CHANNEL_ALIGNMENT // LANES
_WORDS = LANES * QUAD // WORD_BITS


@dataclass(frozen=True)
class Blocks:
    """How channels lie in blocks: ``total`` of the map, ``group`` of one group, each of ``quads`` (of one group)."""

    total: int
    group: int
    quads: int
    group_quads: int

    @property
    def whole(self) -> bool:
        """Whether every block has 64 channels."""
        return self.quads == QUADS and self.group_quads == QUADS


def blocks_of(conv: Conv2d) -> Blocks:
    """Blocks of 64 where no group shares one, else a single block."""
    if conv.group_channels % BLOCK == 0:
        return Blocks(conv.in_channels // BLOCK, conv.group_channels // BLOCK, QUADS, QUADS)
    return Blocks(1, 1, -(-conv.in_channels // QUAD), -(-conv.group_channels // QUAD))


class ByteProducts(Lowering):
    """Parameters, stages and epilogue; what multiplies is the space's choice."""

    def convolution(self, operator: Operator) -> Conv2d:
        """The convolution that is computed."""
        return cast(Conv2d, operator)

    @abc.abstractmethod
    def activation(self, conv: Conv2d) -> Expansion:
        """How bytes are made of activation planes: the codes, or the integers they stand for."""

    def columns(self, conv: Conv2d) -> int:
        """Columns that sums are computed for: those of the output, and maybe some more that nothing reads."""
        return conv.output_size[1]

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weight bits, constants, then the epilogue's."""
        conv = self.convolution(operator)
        blocks, bits = blocks_of(conv), conv.weight_bits * _WORDS
        weight = (_output_blocks(conv), VECTORS, *conv.kernel, blocks.group, blocks.group_quads, bits)
        own: list[tuple[str, tuple[int, ...]]] = [("weight", weight)]
        if self._scale(conv) != 1 and not _folds(conv):
            own.append(("base", (conv.out_channels,)))
        if popcount.needs_correction(conv):
            own.append(("correction", popcount.correction_shape(conv)))
        specs = [TensorSpec(name, shape, "int32", "parameter") for name, shape in own]
        return (*specs, *(spec for spec in canonical_parameters(operator) if spec.name != "weight"))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Gather the bits of 16 filters by four channels, fold the constants into an affine step."""
        conv = self.convolution(operator)
        weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, -1)
        packed = {**canonical, "weight": _packed_weight(conv, weight), "base": self._base(conv, weight)}
        if popcount.needs_correction(conv):
            packed["correction"] = popcount.correction(conv, weight)
        if not _folds(conv):
            return packed
        mul = canonical["mul"]
        folded = {"mul": mul * np.int32(self._scale(conv)), "add": canonical["add"] + packed["base"] * mul}
        if popcount.needs_correction(conv):
            folded["correction"] = packed["correction"] * mul
        return packed | folded

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Bytes, their products, then the shared epilogue."""
        return self._finished(operator, target, tensors["x"], lambda n, h, w, c: (n, h, w, c), tensors)

    def _finished(self, operator: Operator, target: Target, x: Any, place: Place, tensors: Tensors) -> list[Any]:
        """The outputs; ``place`` maps the indices of the operator to (n, h, w, channel) of its convolution."""
        conv = self.convolution(operator)
        columns = self.columns(conv)
        made = _expanded(conv, self.activation(conv), popcount.padded_words(conv, x), columns)
        products = _accumulate(conv, made, _signed(conv, tensors["weight"]), columns)
        corrected, folds = popcount.needs_correction(conv), _folds(conv)

        def correction(*index: Expr) -> Expr:
            _, h, w, channel = place(*index)
            classes = popcount.border_class(conv, 0, h), popcount.border_class(conv, 1, w)
            return tensors["correction"][(*classes, channel)]

        def accumulator(*index: Expr) -> Expr:
            n, h, w, channel = place(*index)
            within = channel % CHANNEL_ALIGNMENT
            total = products[n, h, w, channel // CHANNEL_ALIGNMENT, within // LANES, within % LANES]
            if folds:
                return total
            if self._scale(conv) != 1:
                total = tensors["base"][channel] + self._scale(conv) * total
            return total + correction(*index) if corrected else total

        offset = correction if corrected and folds else None
        return finish(cast(AccumulatingOperator, operator), target, accumulator, tensors, offset)

    def _scale(self, conv: Conv2d) -> int:
        """What a sum of products is multiplied by: 2 for codes of bipolar planes."""
        return (2 if conv.activation_bipolar else 1) // self.activation(conv).step

    def _base(self, conv: Conv2d, weight: Array) -> Array:
        """The constant of every output channel, int32 [O]."""
        if self._scale(conv) == 1:
            return np.zeros(conv.out_channels, np.int32)
        levels = 2**conv.activation_bits - 1
        return (-levels * conv.weight_values(weight).sum(axis=(1, 2, 3))).astype(np.int32)


def _folds(conv: Conv2d) -> bool:
    """Whether the epilogue has an affine step that takes the constants."""
    return conv.epilogue.affine == "scale"


def weight_expansion(conv: Conv2d) -> Expansion:
    """Weight planes to the integers they stand for."""
    low, step = (1 - 2**conv.weight_bits, 2) if conv.weight_bipolar else (0, 1)
    return Expansion(conv.weight_bits, _WORDS, low, step, "int8")


def _expanded(conv: Conv2d, expansion: Expansion, padded: Any, columns: int) -> Any:
    """The stage ``bytes``, from a map of words with its padding.

    What sums of columns beyond the output read is the last column again.
    """
    blocks, (height, width) = blocks_of(conv), (conv.height + 2 * conv.padding[0], conv.width + 2 * conv.padding[1])
    wanted = max(width, (columns - 1) * conv.stride[1] + conv.window.extent(1))

    def byte(n: Expr, h: Expr, w: Expr, block: Expr, quad: Expr, i: Expr) -> Expr:
        column = te.min(w, width - 1) if wanted > width else w
        return expansion.byte(lambda j: padded(n, h, column, block * (BLOCK // WORD_BITS) + j), quad, i)

    return te.compute((conv.batch, height, wanted, blocks.total, blocks.quads, QUAD), byte, "bytes")


def _signed(conv: Conv2d, weight: Any) -> Any:
    """The stage ``signed``."""
    expansion = weight_expansion(conv)
    shape = (*(int(extent) for extent in weight.shape[:-1]), LANES, QUAD)
    return te.compute(shape, lambda *index: expansion.byte(lambda j: weight[(*index[:-2], j)], *index[-2:]), "signed")


def _accumulate(conv: Conv2d, made: Any, signed: Any, columns: int) -> Any:
    """The stage ``acc``: sums of products of bytes."""
    blocks = blocks_of(conv)
    extents = {"kh": conv.kernel[0], "kw": conv.kernel[1], "block": blocks.group, "quad": blocks.group_quads, "i": QUAD}
    kh, kw, b, q, i = axes = [te.reduce_axis((0, extent), name) for name, extent in extents.items()]

    def product(n: Expr, h: Expr, w: Expr, block: Expr, vector: Expr, lane: Expr) -> Expr:
        row = h * conv.stride[0] + kh * conv.dilation[0]
        column = w * conv.stride[1] + kw * conv.dilation[1]
        first_block, first_quad = _first_of_group(conv, block * CHANNEL_ALIGNMENT + vector * LANES)
        x = made[n, row, column, first_block + b, first_quad + q, i].astype("int32")
        return te.sum(x * signed[block, vector, kh, kw, b, q, lane, i].astype("int32"), axis=axes)

    shape = (conv.batch, conv.output_size[0], columns, _output_blocks(conv), VECTORS, LANES)
    return te.compute(shape, product, "acc")


def _first_of_group(conv: Conv2d, output: Expr) -> tuple[Expr, Expr]:
    """The first block and the first quad that an output channel's group sees; of spare channels, the last one's."""
    if conv.groups == 1:
        return 0, 0
    blocks, group = blocks_of(conv), te.min(output // (conv.out_channels // conv.groups), conv.groups - 1)
    return (group * blocks.group, 0) if blocks.whole else (0, group * blocks.group_quads)


def _output_blocks(conv: Conv2d) -> int:
    return -(-conv.out_channels // CHANNEL_ALIGNMENT)


def _packed_weight(conv: Conv2d, weight: Array) -> Array:
    """Canonical words [O, kh, kw, B W] in the order of the parameter."""
    blocks, outputs = blocks_of(conv), _output_blocks(conv)
    codes = unpack_codes(weight, conv.group_channels, conv.weight_bits)
    spare = outputs * CHANNEL_ALIGNMENT - conv.out_channels, blocks.group * blocks.group_quads * QUAD - codes.shape[-1]
    padded = np.pad(codes, [(0, spare[0]), (0, 0), (0, 0), (0, spare[1])])
    split = padded.reshape(outputs, VECTORS, LANES, *conv.kernel, blocks.group, blocks.group_quads, QUAD)
    flat = np.moveaxis(split, 2, -2).reshape(*split.shape[:2], *split.shape[3:-1], LANES * QUAD)
    return pack_codes(flat, conv.weight_bits)


def group_reason(conv: Conv2d) -> str | None:
    """Why groups cannot be served, or None: quads and vectors must not cross them."""
    if conv.groups == 1:
        return None
    if conv.group_channels % QUAD:
        return f"groups of {conv.group_channels} input channels share quads of {QUAD}"
    if conv.out_channels // conv.groups % LANES:
        return f"groups of {conv.out_channels // conv.groups} output channels do not fill vectors of {LANES}"
    return None
