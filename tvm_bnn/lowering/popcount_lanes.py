"""Popcount with the lanes of a vector over output channels: every lane holds one 32-bit word of its own filter.

An activation word is broadcast to all lanes, combined with a vector of weight words, counted and added to a vector
of accumulators: three vector instructions for ``lanes`` x 32 products where the hardware counts bits per lane. A
tile of pixels times vectors stays in registers and shares the loads.

Layouts: weights ``[O/64, 64/lanes, kh, kw, B, words, lanes]`` int32, output channels padded to 64 with zeros. The
accumulator stage ``acc`` is ``[N, HO, WO, O/64, 64/lanes, lanes]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import te
from tvm_bnn.lowering import counting, popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any


class PopcountLanesConv2d(Lowering):
    """For :class:`Conv2d` with any channel counts; groups only where no word and no vector crosses two of them."""

    name = "popcount-lanes"
    kind = "conv2d"

    def convolution(self, operator: Operator) -> Conv2d:
        """The convolution that is computed."""
        return cast(Conv2d, operator)

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Groups that share a word or a vector need masks, which this lowering does not have."""
        conv, lanes = self.convolution(operator), target.lanes
        if conv.groups == 1:
            return None
        if conv.group_channels % CHANNEL_ALIGNMENT:
            return f"groups of {conv.group_channels} input channels share 64-bit words"
        if conv.out_channels // conv.groups % lanes:
            return f"groups of {conv.out_channels // conv.groups} output channels do not fill vectors of {lanes}"
        return None

    def yields(self, target: Target) -> bool:
        """Where bits are counted by table anyway, bytes do it in half of the instructions."""
        return "avx2" in target.requires and "avx512_vpopcntdq" not in target.requires

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by lanes, constants, then the epilogue's."""
        conv, lanes = self.convolution(operator), target.lanes
        blocks, vectors = _blocks(conv), CHANNEL_ALIGNMENT // lanes
        words = words_for(conv.group_channels)
        weight = (blocks, vectors, *conv.kernel, conv.weight_bits, words, lanes)
        return (TensorSpec("weight", weight, "int32", "parameter"), *counting.parameters(conv))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Pad the output channels, split them into vectors, put the lanes last."""
        conv, lanes = self.convolution(operator), target.lanes
        weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, conv.weight_bits, -1)
        spare = _blocks(conv) * CHANNEL_ALIGNMENT - conv.out_channels
        padded = np.pad(weight, [(0, spare)] + [(0, 0)] * 4)
        vectors = padded.reshape(_blocks(conv), CHANNEL_ALIGNMENT // lanes, lanes, *weight.shape[1:])
        return {**counting.pack(conv, canonical), "weight": np.ascontiguousarray(np.moveaxis(vectors, 2, -1))}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate by vectors, then the shared epilogue."""
        conv = self.convolution(operator)
        count = _count_reader(_accumulate(conv, target.lanes, tensors["x"], tensors["weight"]), target.lanes)
        return counting.outputs(conv, target, count, tensors)


class PopcountLanesDense(PopcountLanesConv2d):
    """For :class:`Dense`: the rows take the place of the pixels of a map one row high."""

    kind = "dense"

    def convolution(self, operator: Operator) -> Conv2d:
        """The 1x1 convolution with the same work."""
        return cast(Dense, operator).as_conv2d()

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate as the convolution, finish as the dense layer."""
        conv, lanes = self.convolution(operator), target.lanes
        counts = _accumulate(conv, lanes, lambda n, h, w, j: tensors["x"][w, j], tensors["weight"])
        dense = cast(Dense, operator)
        count = _count_reader(counts, lanes)
        return counting.finished(dense, conv, target, count, lambda row, channel: (0, 0, row, channel), tensors)


def _blocks(conv: Conv2d) -> int:
    return -(-conv.out_channels // CHANNEL_ALIGNMENT)


def _accumulate(conv: Conv2d, lanes: int, x: Any, weight: Any) -> Any:
    """The stage ``acc``: plain popcounts, weighted by the significance of the planes."""
    padded = popcount.padded_words(conv, x)
    words, group_words = words_for(conv.in_channels), words_for(conv.group_channels)
    axes = {"kh": conv.kernel[0], "kw": conv.kernel[1], "a": conv.activation_bits, "b": conv.weight_bits}
    kh, kw, a, b = (te.reduce_axis((0, extent), name) for name, extent in axes.items())
    j = te.reduce_axis((0, group_words), "j")

    def count(n: Expr, h: Expr, w: Expr, block: Expr, vector: Expr, lane: Expr) -> Expr:
        row = h * conv.stride[0] + kh * conv.dilation[0]
        column = w * conv.stride[1] + kw * conv.dilation[1]
        group = (block * CHANNEL_ALIGNMENT + vector * lanes) // (conv.out_channels // conv.groups)
        # Vectors beyond the last filter belong to no group; what they count nobody reads.
        first = te.min(group, conv.groups - 1) * group_words
        word = (first if conv.groups > 1 else 0) + a * words + j
        term = popcount.popcount_term(conv, padded(n, row, column, word), weight[block, vector, kh, kw, b, j, lane])
        planes = conv.activation_bits * conv.weight_bits > 1
        return te.sum(term << (a + b) if planes else term, axis=[kh, kw, a, b, j])

    shape = (conv.batch, *conv.output_size, _blocks(conv), CHANNEL_ALIGNMENT // lanes, lanes)
    return te.compute(shape, count, "acc")


def _count_reader(counts: Any, lanes: int) -> Any:
    def read(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
        within = channel % CHANNEL_ALIGNMENT
        return counts[n, h, w, channel // CHANNEL_ALIGNMENT, within // lanes, within % lanes]

    return read
