"""Popcount with the lanes of a vector over input channels: every lane holds a word of the same filter.

A vector of activation words meets the vector of weight words that lies opposite, both loaded as they are. The sums of
the lanes are added up once, at the end, so this is for many input channels and few output channels, or a number of
them that leaves vectors half empty.

The words of a run are those of a tap, or of a row of the kernel where its taps are neighbours in memory. The stage
``sums`` is int32 ``[N, HO, WO, O, lanes]``, output channels padded to a multiple of 4; the stage ``acc`` ``[N, HO, WO,
O]`` adds up its lanes.

Layouts: weights ``[O, kh, runs, B, vectors of a run, lanes]`` int32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import llvm_call, te, tirx
from tvm_bnn.lowering import counting, popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

FILTERS = 4
"""Output channels are padded to a multiple of so many, so that tiles of them need no ragged end."""


@dataclass(frozen=True)
class Runs:
    """``count`` runs of ``words`` words in a row of the kernel, in vectors of ``lanes``."""

    count: int
    words: int
    lanes: int


def runs(conv: Conv2d, target: Target) -> Runs | None:
    """The longest vectors, of a whole register or of half of one, that a run fills; None where neither is filled."""
    words = words_for(conv.group_channels)
    neighbours = conv.dilation[1] == 1 and conv.groups == 1 and conv.activation_bits == 1
    count, length = (1, conv.kernel[1] * words) if neighbours else (conv.kernel[1], words)
    lanes = next((lanes for lanes in (target.lanes, target.lanes // 2) if length % lanes == 0), None)
    return None if lanes is None else Runs(count, length, lanes)


class PopcountWordsConv2d(Lowering):
    """For :class:`Conv2d` whose taps, or rows of taps, fill vectors; groups only where they share no word."""

    name = "popcount-words"
    kind = "conv2d"

    def convolution(self, operator: Operator) -> Conv2d:
        """The convolution that is computed."""
        return cast(Conv2d, operator)

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Words must fill vectors, and groups words."""
        conv = self.convolution(operator)
        if conv.groups > 1 and conv.group_channels % CHANNEL_ALIGNMENT:
            return f"groups of {conv.group_channels} input channels share 64-bit words"
        if runs(conv, target) is None:
            words = words_for(conv.group_channels)
            return f"{words} words a tap leave vectors of {target.lanes} words, and halves of them, partly empty"
        return None

    def yields(self, target: Target) -> bool:
        """It wins with few filters only, which measuring tells."""
        return True

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by runs, then what counts are compared with or scaled by."""
        conv, run = self.convolution(operator), self._runs(operator, target)
        shape = (_filters(conv), conv.kernel[0], run.count, conv.weight_bits, run.words // run.lanes, run.lanes)
        return (TensorSpec("weight", shape, "int32", "parameter"), *counting.parameters(conv))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Pad the output channels, put the planes before the words of a run."""
        conv, run = self.convolution(operator), self._runs(operator, target)
        weight = canonical["weight"].reshape(
            conv.out_channels, conv.kernel[0], run.count, conv.kernel[1] // run.count, conv.weight_bits, -1
        )
        padded = np.pad(weight, [(0, _filters(conv) - conv.out_channels)] + [(0, 0)] * 5)
        lying = np.moveaxis(padded, 4, 3).reshape(*padded.shape[:3], conv.weight_bits, -1, run.lanes)
        return {**counting.pack(conv, canonical), "weight": np.ascontiguousarray(lying)}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate by vectors, add up their lanes, then the shared epilogue."""
        conv, run = self.convolution(operator), self._runs(operator, target)
        return counting.outputs(conv, target, _count(conv, run, tensors["x"], tensors["weight"]), tensors)

    def _runs(self, operator: Operator, target: Target) -> Runs:
        found = runs(self.convolution(operator), target)
        assert found is not None
        return found


class PopcountWordsDense(PopcountWordsConv2d):
    """For :class:`Dense`: the rows take the place of the pixels of a map one row high."""

    kind = "dense"

    def convolution(self, operator: Operator) -> Conv2d:
        """The 1x1 convolution with the same work."""
        return cast(Dense, operator).as_conv2d()

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate as the convolution, finish as the dense layer."""
        conv, dense, run = self.convolution(operator), cast(Dense, operator), self._runs(operator, target)
        count = _count(conv, run, lambda n, h, w, j: tensors["x"][w, j], tensors["weight"])
        return counting.finished(dense, conv, target, count, lambda row, channel: (0, 0, row, channel), tensors)


def _filters(conv: Conv2d) -> int:
    return -(-conv.out_channels // FILTERS) * FILTERS


def _count(conv: Conv2d, run: Runs, x: Any, weight: Any) -> Callable[..., Expr]:
    """``count(n, h, w, channel)`` int32: the stages ``sums`` and ``acc``."""
    sums = _sums(conv, run, popcount.padded_words(conv, x), weight)

    def added_up(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
        lanes = sums[n, h, w, channel, tirx.Ramp(0, 1, run.lanes)]
        return llvm_call("int32", "llvm.vector.reduce.add", lanes)

    acc = te.compute((conv.batch, *conv.output_size, conv.out_channels), added_up, "acc")
    return lambda n, h, w, channel: acc[n, h, w, channel]


def _sums(conv: Conv2d, run: Runs, padded: Any, weight: Any) -> Any:
    """The stage ``sums``: popcounts lane by lane, weighted by the significance of the planes."""
    words, group_words = words_for(conv.in_channels), words_for(conv.group_channels)
    extents = (conv.kernel[0], run.count, conv.activation_bits, conv.weight_bits, run.words // run.lanes)
    axes = [te.reduce_axis((0, extent), name) for extent, name in zip(extents, "krabj", strict=True)]
    k, r, a, b, j = axes

    def count(n: Expr, h: Expr, w: Expr, channel: Expr, lane: Expr) -> Expr:
        place = j * run.lanes + lane
        row = h * conv.stride[0] + k * conv.dilation[0]
        column = w * conv.stride[1] + r * conv.dilation[1] + place // group_words
        group = te.min(channel, conv.out_channels - 1) // (conv.out_channels // conv.groups) if conv.groups > 1 else 0
        x = padded(n, row, column, a * words + group * group_words + place % group_words)
        term = popcount.popcount_term(conv, x, weight[channel, k, r, b, j, lane])
        planes = conv.activation_bits * conv.weight_bits > 1
        return te.sum(term << (a + b) if planes else term, axis=axes)

    return te.compute((conv.batch, *conv.output_size, _filters(conv), run.lanes), count, "sums")
