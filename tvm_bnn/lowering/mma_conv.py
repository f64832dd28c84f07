"""Binary convolutions on the tensor cores of a GPU: an implicit product of matrices, whatever its words are.

The rows of the left matrix are pixels, two rows of the map by 8 columns each time; its words are made of those under
the window, tap after tap (stage ``patch`` int32 [N, steps, H / 2, W, 2, 8]). The columns of the right one are filters,
laid out so that of every 64 channels a thread has 16 neighbours: ``weight`` int32 [O / 64, 8, steps, 4, 2, 8] holds at
[.., n, .., t, j] channel 16 t + 2 n + j. The stage ``acc`` is [N, H / 2, W, O, 2], the last axis the row. See
:mod:`tvm_bnn.lowering.mma` for the instructions.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import te, tirx
from tvm_bnn.lowering import mma, popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.ops.base import AccumulatingOperator, Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

TILES = CHANNEL_ALIGNMENT // mma.COLUMNS
"""Products of 8 columns that make 64 channels, which are a warp's."""

HELD = CHANNEL_ALIGNMENT // mma.THREADS
"""Of them those of a thread."""

Read = Callable[..., Expr]
"""The words of the map by (n, h, w, word)."""


class MmaConv2d(Lowering):
    """For one-bit :class:`Conv2d` without groups, output channels in multiples of 64."""

    kind = "conv2d"

    @abc.abstractmethod
    def steps(self, conv: Conv2d) -> int:
        """Instructions along the words of a window."""

    @abc.abstractmethod
    def operation(self, conv: Conv2d, target: Target) -> mma.Operation:
        """What multiplies two words."""

    @abc.abstractmethod
    def weight_words(self, conv: Conv2d, weight: Array) -> Array:
        """The words of every filter, int32 [O, 8 steps], from canonical weights."""

    @abc.abstractmethod
    def patch_word(self, conv: Conv2d, read: Read, n: Expr, step: Expr, h: Expr, w: Expr, k: Expr) -> Expr:
        """Word ``k`` of a step of what a pixel sees."""

    def convolution(self, operator: Operator) -> Conv2d:
        """The convolution that is computed."""
        return cast(Conv2d, operator)

    def read(self, x: Any) -> Read:
        """How the map is read."""
        return lambda *index: x[index]

    def declines(self, operator: Operator, target: Target) -> str | None:
        """The instructions have no masks, no planes and no ragged ends."""
        conv = self.convolution(operator)
        if target.cuda is None or not target.cuda.has_binary_tensor_cores:
            return "no tensor cores for single bits"
        if conv.groups > 1:
            return f"{conv.groups} groups"
        if conv.activation_bits * conv.weight_bits > 1:
            return f"{conv.activation_bits} x {conv.weight_bits} bits"
        if conv.out_channels % CHANNEL_ALIGNMENT:
            return f"{conv.out_channels} output channels are no multiple of {CHANNEL_ALIGNMENT}"
        return None

    def constants(self, conv: Conv2d) -> tuple[TensorSpec, ...]:
        """Parameters between the weights and the epilogue's."""
        return ()

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by fragments, constants, then the epilogue's."""
        conv = self.convolution(operator)
        weight = (conv.out_channels // CHANNEL_ALIGNMENT, TILES, self.steps(conv), mma.THREADS, 2, mma.WORDS)
        rest = (spec for spec in canonical_parameters(operator) if spec.name != "weight")
        return (TensorSpec("weight", weight, "int32", "parameter"), *self.constants(conv), *rest)

    def fragments(self, conv: Conv2d, weight: Array) -> Array:
        """The array ``weight``: channels in the order of the fragments."""
        split = self.weight_words(conv, weight).reshape(-1, mma.THREADS, TILES, 2, self.steps(conv), mma.WORDS)
        return np.ascontiguousarray(split.transpose(0, 2, 4, 1, 3, 5))

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Multiply, then the shared epilogue."""
        conv, read = self.convolution(operator), self.read(tensors["x"])
        acc = self._product(conv, target, self._patch(conv, read), tensors["weight"])

        def accumulator(*index: Expr) -> Expr:
            n, h, w, c = index if len(index) == 4 else (0, 0, *index)
            return self.accumulated(conv, target, acc[n, h // 2, w, c, h % 2], (n, h, w, c), tensors)

        return finish(cast(AccumulatingOperator, operator), target, accumulator, tensors, by_octets=True)

    def accumulated(self, conv: Conv2d, target: Target, total: Expr, index: tuple[Expr, ...], tensors: Tensors) -> Expr:
        """The accumulator at (n, h, w, channel), from the sum of products."""
        return total

    def _patch(self, conv: Conv2d, read: Read) -> Any:
        """The words that every pixel sees."""

        def word(n: Expr, s: Expr, h: Expr, w: Expr, i: Expr, k: Expr) -> Expr:
            return self.patch_word(conv, read, n, s, h * 2 + i, w, k)

        shape = (conv.batch, self.steps(conv), *padded_size(*conv.output_size), 2, mma.WORDS)
        return te.compute(shape, word, "patch")

    def _product(self, conv: Conv2d, target: Target, patch: Any, weight: Any) -> Any:
        operation = self.operation(conv, target)
        s, k = te.reduce_axis((0, self.steps(conv)), "s"), te.reduce_axis((0, mma.WORDS), "k")

        def product(n: Expr, h: Expr, w: Expr, c: Expr, i: Expr) -> Expr:
            column = weight[(*filter_at(c, s), k)]
            return te.sum(mma.product(operation, patch[n, s, h, w, i, k], column), axis=[s, k])

        return te.compute((conv.batch, *padded_size(*conv.output_size), conv.out_channels, 2), product, "acc")


class Rows:
    """Of a lowering for :class:`Dense`: rows take the place of the pixels of a map one row high."""

    kind = "dense"

    def convolution(self, operator: Operator) -> Conv2d:
        """The 1x1 convolution with the same work."""
        return cast(Dense, operator).as_conv2d()

    def read(self, x: Any) -> Read:
        """The words of a row."""
        return lambda n, h, w, j: x[w, j]


def filter_at(channel: Expr, step: Expr) -> tuple[Expr, ...]:
    """Where in the order of fragments a channel's words of a step lie."""
    block, within = channel // CHANNEL_ALIGNMENT, channel % CHANNEL_ALIGNMENT
    return block, channel % HELD // 2, step, within // HELD, channel % 2


def padded_size(rows: int, columns: int) -> tuple[int, int]:
    """Pairs of rows, of which the last may be half empty, by whole groups of columns."""
    return -(-rows // 2), -(-columns // mma.GROUPS) * mma.GROUPS


def window_words(conv: Conv2d) -> int:
    """Words of bits under a window."""
    return conv.kernel[0] * conv.kernel[1] * words_for(conv.in_channels)


def window_word(conv: Conv2d, read: Read, n: Expr, row: Expr, column: Expr, place: Expr) -> tuple[Expr, Expr]:
    """Whether the word ``place`` under the window of a pixel lies inside the map, and what it is there."""
    words, columns = words_for(conv.in_channels), conv.kernel[1]
    tap = place // words
    y = row * conv.stride[0] - conv.padding[0] + tap // columns * conv.dilation[0]
    z = column * conv.stride[1] - conv.padding[1] + tap % columns * conv.dilation[1]
    inside = tirx.all(y >= 0, y < conv.height, z >= 0, z < conv.width)
    return inside, read(n, y, z, place % words)


def padding_word(conv: Conv2d, place: Expr) -> Expr:
    """The same outside of the map."""
    return popcount.pad_word(conv, place % words_for(conv.in_channels))
