"""Popcount by table for hardware that does not count bits per lane: every lane is a byte that counts for its filter.

Four activation bits pick one of 16 tables, popcount(activation op i) for i in 0..15. The table meets a vector of
weights, four bits of as many filters as it has bytes: one look-up and one addition for ``lanes`` x 4 products. A tile
of pixels times vectors stays in registers and shares the loads.

Sums of bytes hold 63 steps, for a step adds 4 at the most. The stage ``part`` uint8 ``[N, HO, WO, vectors, lanes, A,
B, chunks...]`` sums over a chunk of so many; the stage ``acc`` ``[N, HO, WO, vectors, lanes]``, uint16 or int32, over
the chunks, weighted by the significance of the planes. The stage ``nibbles`` is the map with four bits a byte.

Layouts: weights ``[vectors, B, chunks (rows, columns, pieces), steps (rows, columns, nibbles), lanes]`` uint8, four
bits each; ``table`` uint8 [16 x lanes], every entry once for every 16 lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import dtype_cast, te
from tvm_bnn.lowering import byte_lookup, counting, popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors
from tvm_bnn.lowering.byte_lookup import BLOCK, ENTRIES, NIBBLE_BITS, NIBBLE_STEP, NIBBLES_OF_A_WORD, WORDS
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

MOST_STEPS = 255 // NIBBLE_BITS
"""Look-ups that a byte can sum."""


@dataclass(frozen=True)
class Chunks:
    """How the reduction is cut: ``outer`` chunks of ``inner`` steps, over kernel rows, columns and nibbles."""

    outer: tuple[int, int, int]
    inner: tuple[int, int, int]

    @property
    def nibbles(self) -> int:
        """Nibbles of a tap, with those that fill the last chunk."""
        return self.outer[2] * self.inner[2]


def chunks(conv: Conv2d) -> Chunks:
    """The fewest chunks that whole kernels, rows, taps or blocks of 64 channels allow."""
    (rows, columns), nibbles = conv.kernel, -(-conv.group_channels // NIBBLE_BITS)
    if rows * columns * nibbles <= MOST_STEPS:
        return Chunks((1, 1, 1), (rows, columns, nibbles))
    if columns * nibbles <= MOST_STEPS:
        return Chunks((rows, 1, 1), (1, columns, nibbles))
    if nibbles <= MOST_STEPS:
        return Chunks((rows, columns, 1), (1, 1, nibbles))
    blocks = -(-nibbles // BLOCK)
    together = max(b for b in range(1, MOST_STEPS // BLOCK + 1) if blocks % b == 0)
    return Chunks((rows, columns, blocks // together), (1, 1, together * BLOCK))


def lane_count(conv: Conv2d, target: Target) -> int | None:
    """Filters in a vector: as few as hold them all, or, of several groups, as many as no group shares."""
    widths = byte_lookup.widths(target)
    if conv.groups == 1:
        return next((width for width in widths if width >= conv.out_channels), max(widths, default=None))
    return max((width for width in widths if conv.out_channels // conv.groups % width == 0), default=None)


class PopcountBytesConv2d(Lowering):
    """For :class:`Conv2d` with any channel counts; groups only where no word and no vector crosses two of them."""

    name = "popcount-bytes"
    kind = "conv2d"

    def convolution(self, operator: Operator) -> Conv2d:
        """The convolution that is computed."""
        return cast(Conv2d, operator)

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs the instruction, and groups that fill words and vectors."""
        conv = self.convolution(operator)
        if not byte_lookup.widths(target):
            return f"target {target.name} does not promise avx2 to look up bytes"
        if conv.groups > 1 and conv.group_channels % CHANNEL_ALIGNMENT:
            return f"groups of {conv.group_channels} input channels share 64-bit words"
        if lane_count(conv, target) is None:
            return f"groups of {conv.out_channels // conv.groups} output channels do not fill vectors of 16"
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by lanes, tables, then what counts are compared with or scaled by."""
        conv = self.convolution(operator)
        lanes, cut = _lanes(conv, target), chunks(conv)
        weight = (_vectors(conv, lanes), conv.weight_bits, *cut.outer, *cut.inner, lanes)
        own = (("weight", weight), ("table", (ENTRIES * lanes,)))
        return (*(TensorSpec(name, shape, "uint8", "parameter") for name, shape in own), *counting.parameters(conv))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Split words into nibbles, the reduction into chunks, the output channels into vectors; lanes last."""
        conv = self.convolution(operator)
        lanes, cut = _lanes(conv, target), chunks(conv)
        weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, conv.weight_bits, -1)
        octets = np.ascontiguousarray(weight, dtype="<i4").view(np.uint8)
        nibbles = np.stack([octets & 15, octets >> 4], axis=-1).reshape(*octets.shape[:-1], -1)[..., : cut.nibbles]
        spare = _vectors(conv, lanes) * lanes - conv.out_channels
        padded = np.pad(nibbles, [(0, spare)] + [(0, 0)] * 4)
        (rows, columns, pieces), inner = cut.outer, cut.inner
        split = padded.reshape(-1, lanes, rows, inner[0], columns, inner[1], conv.weight_bits, pieces, inner[2])
        packed = np.ascontiguousarray(split.transpose(0, 6, 2, 4, 7, 3, 5, 8, 1))
        return {**counting.pack(conv, canonical), "weight": packed, "table": _table(conv, lanes)}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate by vectors, then the shared epilogue."""
        conv = self.convolution(operator)
        return counting.outputs(conv, target, _count(conv, target, tensors["x"], tensors), tensors)


class PopcountBytesDense(PopcountBytesConv2d):
    """For :class:`Dense`: the rows take the place of the pixels of a map one row high."""

    kind = "dense"

    def convolution(self, operator: Operator) -> Conv2d:
        """The 1x1 convolution with the same work."""
        return cast(Dense, operator).as_conv2d()

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate as the convolution, finish as the dense layer."""
        conv, dense = self.convolution(operator), cast(Dense, operator)
        count = _count(conv, target, lambda n, h, w, j: tensors["x"][w, j], tensors)
        return counting.finished(dense, conv, target, count, lambda row, channel: (0, 0, row, channel), tensors)


def _lanes(conv: Conv2d, target: Target) -> int:
    lanes = lane_count(conv, target)
    assert lanes is not None
    return lanes


def _vectors(conv: Conv2d, lanes: int) -> int:
    return -(-conv.out_channels // lanes)


def _table(conv: Conv2d, lanes: int) -> Array:
    """popcount(activation op weight) by activation and, repeated over the lanes, by weight, uint8 [16 x lanes]."""
    activation, weight = np.arange(ENTRIES)[:, None], np.arange(lanes)[None] % ENTRIES
    met = activation ^ weight if conv.weight_bipolar else activation & weight
    return np.bitwise_count(met).astype(np.uint8).ravel()


def _count(conv: Conv2d, target: Target, x: Any, tensors: Tensors) -> Callable[..., Expr]:
    """``count(n, h, w, channel)`` int32, from the stages that sum."""
    lanes = _lanes(conv, target)
    acc = _total(conv, _parts(conv, lanes, _nibbles(conv, popcount.padded_words(conv, x)), tensors))
    return lambda n, h, w, channel: dtype_cast("int32", acc[n, h, w, channel // lanes, channel % lanes])


def _nibbles(conv: Conv2d, padded: Any) -> Any:
    """The stage ``nibbles`` uint8 [N, H + 2 p, W + 2 p, A x pairs of words, 2, 8], from words."""
    height, width = (size + 2 * border for size, border in zip((conv.height, conv.width), conv.padding, strict=True))
    pairs = conv.activation_bits * words_for(conv.in_channels) // WORDS

    def stored(n: Expr, h: Expr, w: Expr, pair: Expr, word: Expr, i: Expr) -> Expr:
        return byte_lookup.nibble(padded(n, h, w, pair * WORDS + word), i)

    shape = (conv.batch, height, width, pairs, WORDS, NIBBLES_OF_A_WORD)
    return te.compute(shape, stored, "nibbles")


def _parts(conv: Conv2d, lanes: int, nibbles: Any, tensors: Tensors) -> Any:
    """The stage ``part``: look-ups summed over every chunk."""
    cut = chunks(conv)
    plane = words_for(conv.in_channels) * NIBBLES_OF_A_WORD
    steps = [te.reduce_axis((0, extent), name) for extent, name in zip(cut.inner, ("kh", "kw", "j"), strict=True)]

    def look_up(n: Expr, h: Expr, w: Expr, vector: Expr, lane: Expr, a: Expr, b: Expr, *chunk: Expr) -> Expr:
        kh, kw, j = (o * extent + i for o, extent, i in zip(chunk, cut.inner, steps, strict=True))
        row = h * conv.stride[0] + kh * conv.dilation[0]
        column = w * conv.stride[1] + kw * conv.dilation[1]
        group = vector * lanes // (conv.out_channels // conv.groups) if conv.groups > 1 else 0
        place = a * plane + group * (conv.group_channels // NIBBLE_BITS) + j
        code = nibbles[n, row, column, place // BLOCK, place % BLOCK // NIBBLES_OF_A_WORD, place % NIBBLES_OF_A_WORD]
        table = tensors["table"][dtype_cast("int32", code) * (lanes // NIBBLE_STEP) + lane]
        return te.sum(byte_lookup.looked_up(table, tensors["weight"][(vector, b, *chunk, *steps, lane)]), axis=steps)

    sums = (conv.batch, *conv.output_size, _vectors(conv, lanes), lanes)
    return te.compute((*sums, conv.activation_bits, conv.weight_bits, *cut.outer), look_up, "part")


def _total(conv: Conv2d, part: Any) -> Any:
    """The stage ``acc``: the parts of all chunks and planes."""
    extents = part.shape[5:]
    a, b, *chunk = (te.reduce_axis((0, extent), name) for extent, name in zip(extents, "abrcp", strict=True))
    dtype = "uint16" if conv.accumulator_bound() < 2**16 else "int32"

    def weighted(*index: Expr) -> Expr:
        term = dtype_cast(dtype, part[(*index, a, b, *chunk)])
        if conv.activation_bits * conv.weight_bits > 1:
            term = term << dtype_cast(dtype, a + b)
        return te.sum(term, axis=[a, b, *chunk])

    return te.compute(part.shape[:5], weighted, "acc")
