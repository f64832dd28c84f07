"""Popcount by bytes, four of them a filter: for hardware that counts the bits of bytes and no wider lanes.

An activation word is broadcast to all lanes and meets a word of each filter; the four bytes of a lane count for
themselves (:mod:`tvm_bnn.lowering.byte_counts`). Three instructions for 128 bits on Advanced SIMD, everything else is
outside of the innermost loop. A tile of pixels times vectors stays in registers and shares the loads.

A byte holds the sum of 31 words. The stage ``part`` int32 ``[N, HO, WO, vectors, lanes, A, B, chunks...]`` sums over a
chunk of so many; the stage ``acc`` ``[N, HO, WO, vectors, lanes]``, int16 where it holds every sum, else int32, adds
up the bytes of all chunks, weighted by the significance of the planes. Vectors are two registers, for two of words
make one of sums.

The words of a run are those of a tap, or of a row of the kernel where its taps are neighbours in memory.

Layouts: weights ``[vectors, B, chunks (rows, runs, pieces), steps (rows, runs, words), lanes]`` int32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import dtype_cast, te
from tvm_bnn.lowering import byte_counts, counting, popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors
from tvm_bnn.lowering.byte_counts import MOST_WORDS
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any


@dataclass(frozen=True)
class Chunks:
    """How the reduction is cut: ``outer`` chunks of ``inner`` steps, over kernel rows, runs and words of a run."""

    outer: tuple[int, int, int]
    inner: tuple[int, int, int]

    @property
    def words(self) -> int:
        """Words of a chunk."""
        rows, runs, words = self.inner
        return rows * runs * words


def chunks(conv: Conv2d) -> Chunks:
    """The fewest chunks that rows of a kernel, its taps or parts of a run allow, all of the same size."""
    rows, (runs, words) = conv.kernel[0], _runs(conv)
    if runs * words <= MOST_WORDS:
        together = _largest_divisor(rows, MOST_WORDS // (runs * words))
        return Chunks((rows // together, 1, 1), (together, runs, words))
    together = _largest_divisor(words, MOST_WORDS)
    return Chunks((rows, runs, words // together), (1, 1, together))


def _runs(conv: Conv2d) -> tuple[int, int]:
    """Runs of a row of the kernel, and words of a run."""
    words = words_for(conv.group_channels)
    neighbours = conv.dilation[1] == 1 and conv.groups == 1 and conv.activation_bits == 1
    return (1, conv.kernel[1] * words) if neighbours else (conv.kernel[1], words)


def _largest_divisor(number: int, most: int) -> int:
    return max(d for d in range(1, most + 1) if number % d == 0)


def lane_count(target: Target) -> int:
    """Filters in a vector."""
    return 2 * target.lanes


class PopcountQuadsConv2d(Lowering):
    """For :class:`Conv2d` with any channel counts; groups only where no word and no vector crosses two of them."""

    name = "popcount-quads"
    kind = "conv2d"

    def convolution(self, operator: Operator) -> Conv2d:
        """The convolution that is computed."""
        return cast(Conv2d, operator)

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs the instructions, and groups that fill words and vectors."""
        conv, lanes = self.convolution(operator), lane_count(target)
        if "asimd" not in target.requires:
            return f"target {target.name} does not promise asimd to count the bits of bytes"
        if conv.groups > 1 and conv.group_channels % CHANNEL_ALIGNMENT:
            return f"groups of {conv.group_channels} input channels share 64-bit words"
        if conv.groups > 1 and conv.out_channels // conv.groups % lanes:
            return f"groups of {conv.out_channels // conv.groups} output channels do not fill vectors of {lanes}"
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by lanes, then what counts are compared with or scaled by."""
        conv, lanes = self.convolution(operator), lane_count(target)
        cut = chunks(conv)
        weight = (_vectors(conv, lanes), conv.weight_bits, *cut.outer, *cut.inner, lanes)
        return (
            TensorSpec("weight", weight, "int32", "parameter"),
            *counting.parameters(conv, counting.count_dtype(conv)),
        )

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Split the reduction into chunks, the output channels into vectors; lanes last."""
        conv, lanes = self.convolution(operator), lane_count(target)
        cut = chunks(conv)
        weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, conv.weight_bits, -1)
        padded = np.pad(weight, [(0, _vectors(conv, lanes) * lanes - conv.out_channels)] + [(0, 0)] * 4)
        runs, words = _runs(conv)
        lying = np.moveaxis(padded, 3, 1).reshape(-1, lanes, conv.weight_bits, conv.kernel[0], runs, words)
        (rows, columns, pieces), inner = cut.outer, cut.inner
        split = lying.reshape(-1, lanes, conv.weight_bits, rows, inner[0], columns, inner[1], pieces, inner[2])
        packed = np.ascontiguousarray(split.transpose(0, 2, 3, 5, 7, 4, 6, 8, 1))
        return {**counting.pack(conv, canonical, counting.count_dtype(conv)), "weight": packed}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate by vectors, then the shared epilogue."""
        conv = self.convolution(operator)
        return counting.outputs(conv, target, _count(conv, target, tensors["x"], tensors["weight"]), tensors)


class PopcountQuadsDense(PopcountQuadsConv2d):
    """For :class:`Dense`: the rows take the place of the pixels of a map one row high."""

    kind = "dense"

    def convolution(self, operator: Operator) -> Conv2d:
        """The 1x1 convolution with the same work."""
        return cast(Dense, operator).as_conv2d()

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate as the convolution, finish as the dense layer."""
        conv, dense = self.convolution(operator), cast(Dense, operator)
        count = _count(conv, target, lambda n, h, w, j: tensors["x"][w, j], tensors["weight"])
        return counting.finished(dense, conv, target, count, lambda row, channel: (0, 0, row, channel), tensors)


def _vectors(conv: Conv2d, lanes: int) -> int:
    return -(-conv.out_channels // lanes)


def _count(conv: Conv2d, target: Target, x: Any, weight: Any) -> Callable[..., Expr]:
    """``count(n, h, w, channel)`` int32, from the stages that sum."""
    lanes = lane_count(target)
    spread = _spread(conv, target.lanes, popcount.padded_words(conv, x))
    acc = _total(conv, target, _parts(conv, lanes, spread, weight))
    return lambda n, h, w, channel: dtype_cast("int32", acc[n, h, w, channel // lanes, channel % lanes])


def _spread(conv: Conv2d, lanes: int, padded: Any) -> Callable[..., Expr]:
    """``word(n, h, w, j, lane)`` from the stage ``spread`` int32 [N, H + 2 ph, (W + 2 pw) words, lanes]."""
    words = conv.activation_bits * words_for(conv.in_channels)
    height, width = (size + 2 * border for size, border in zip((conv.height, conv.width), conv.padding, strict=True))
    shape = (conv.batch, height, width * words, lanes)
    spread = te.compute(shape, lambda n, h, k, _: padded(n, h, k // words, k % words), "spread")
    return lambda n, h, w, j, lane: spread[n, h, w * words + j, lane % lanes]


def _parts(conv: Conv2d, lanes: int, spread: Callable[..., Expr], weight: Any) -> Any:
    """The stage ``part``: counts of bytes, summed over every chunk."""
    cut, meet = chunks(conv), byte_counts.differing_bits if conv.weight_bipolar else byte_counts.common_bits
    words, group_words = words_for(conv.in_channels), words_for(conv.group_channels)
    steps = [te.reduce_axis((0, extent), name) for extent, name in zip(cut.inner, ("kh", "run", "j"), strict=True)]

    def counted(n: Expr, h: Expr, w: Expr, vector: Expr, lane: Expr, a: Expr, b: Expr, *chunk: Expr) -> Expr:
        kh, run, j = (o * extent + i for o, extent, i in zip(chunk, cut.inner, steps, strict=True))
        row = h * conv.stride[0] + kh * conv.dilation[0]
        column = w * conv.stride[1] + run * conv.dilation[1] + j // group_words
        # What vectors beyond the last filter count nobody reads.
        group = vector * lanes // (conv.out_channels // conv.groups) if conv.groups > 1 else 0
        word = spread(n, row, column, a * words + group * group_words + j % group_words, lane)
        return te.sum(meet(word, weight[(vector, b, *chunk, *steps, lane)]), axis=steps)

    sums = (conv.batch, *conv.output_size, _vectors(conv, lanes), lanes)
    return te.compute((*sums, conv.activation_bits, conv.weight_bits, *cut.outer), counted, "part")


def _total(conv: Conv2d, target: Target, part: Any) -> Any:
    """The stage ``acc``: the bytes of all chunks and planes."""
    extents = part.shape[5:]
    a, b, *chunk = (te.reduce_axis((0, extent), name) for extent, name in zip(extents, "abrcp", strict=True))
    dtype, words = counting.count_dtype(conv), chunks(conv).words

    def weighted(*index: Expr) -> Expr:
        term = dtype_cast(dtype, byte_counts.sum_of_bytes(part[(*index, a, b, *chunk)], words, target))
        if conv.activation_bits * conv.weight_bits > 1:
            term = term << dtype_cast(dtype, a + b)
        return te.sum(term, axis=[a, b, *chunk])

    return te.compute(part.shape[:5], weighted, "acc")
