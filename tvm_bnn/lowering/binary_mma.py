"""Binary convolutions on the tensor cores of a GPU: an implicit product of matrices of single bits.

The rows of the left matrix are pixels, two rows of the map by 8 columns each time; its words are those under the
window, tap after tap (stage ``patch`` int32 [N, steps, H / 2, W, 2, 8], words beyond the last are 0). The columns of
the right one are filters, laid out so that of every 64 channels a thread has 16 neighbours: ``weight`` int32
[O / 64, 8, steps, 4, 2, 8] holds at [.., n, .., t, j] channel 16 t + 2 n + j. The stage ``acc`` is
[N, H / 2, W, O, 2], the last axis the row. See :mod:`tvm_bnn.lowering.mma_b1` for the instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import te, tirx
from tvm_bnn.lowering import mma_b1, popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters, data_inputs
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.ops.base import AccumulatingOperator, Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

ONES, COUNTED = "ones", "ones_counted"
"""P(x) as it is computed, and as it is read."""

TILES = CHANNEL_ALIGNMENT // mma_b1.COLUMNS
"""Products of 8 columns that make 64 channels, which are a warp's."""

HELD = CHANNEL_ALIGNMENT // mma_b1.THREADS
"""Of them those of a thread."""


class BinaryMmaConv2d(Lowering):
    """For one-bit :class:`Conv2d` without groups, output channels in multiples of 64."""

    name = "binary-mma"
    kind = "conv2d"

    def convolution(self, operator: Operator) -> Conv2d:
        """The convolution that is computed."""
        return cast(Conv2d, operator)

    def declines(self, operator: Operator, target: Target) -> str | None:
        """The instruction has no masks, no planes and no ragged ends."""
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

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by fragments, constants, then the epilogue's."""
        conv = self.convolution(operator)
        weight = (
            conv.out_channels // CHANNEL_ALIGNMENT, TILES, steps(conv), mma_b1.THREADS, 2, mma_b1.WORDS
        )  # fmt: skip
        own = [("weight", weight), ("base", (conv.out_channels,))]
        if popcount.needs_correction(conv):
            own.append(("correction", popcount.correction_shape(conv)))
        specs = [TensorSpec(name, shape, "int32", "parameter") for name, shape in own]
        return (*specs, *(spec for spec in canonical_parameters(operator) if spec.name != "weight"))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Words end to end and padded to whole steps, channels in the order of the fragments."""
        conv = self.convolution(operator)
        weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, -1)
        words = weight.reshape(conv.out_channels, -1)
        padded = np.pad(words, [(0, 0), (0, steps(conv) * mma_b1.WORDS - words.shape[1])])
        split = padded.reshape(-1, mma_b1.THREADS, TILES, 2, steps(conv), mma_b1.WORDS)
        packed = {
            **canonical,
            "weight": np.ascontiguousarray(split.transpose(0, 2, 4, 1, 3, 5)),
            "base": popcount.base(conv, weight),
        }
        if counts_ones(conv, target):
            packed["base"] += popcount.factor(conv) * np.bitwise_count(words.view(np.uint32)).sum(
                axis=1, dtype=np.int32
            )
        if popcount.needs_correction(conv):
            packed["correction"] = popcount.correction(conv, weight)
        return packed

    def function(self, operator: Operator, target: Target) -> Any:
        """As any; where P(x) is counted apart, :data:`COUNTED` and :data:`ONES` come before the outputs.

        The space makes them one buffer inside the function: to TVM the product and the count must not depend on each
        other, or their loops could not be arranged one by one.
        """
        if not counts_ones(self.convolution(operator), target):
            return super().function(operator, target)
        specs = [*data_inputs(operator), *self.parameters(operator, target)]
        tensors = {spec.name: te.placeholder(spec.shape, spec.dtype, spec.name) for spec in specs}
        ones = self._ones(operator, tensors["x"])
        counted = te.placeholder(ones.shape, "int32", COUNTED)
        outputs = self.compute(operator, target, {**tensors, COUNTED: counted})
        return te.create_prim_func([*tensors.values(), counted, ones, *outputs])

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Multiply, then the shared epilogue."""
        accumulating = cast(AccumulatingOperator, operator)
        return _finished(accumulating, self.convolution(operator), target, tensors, self._words(tensors["x"]))

    def _words(self, x: Any) -> Callable[..., Expr]:
        """The words of the map by (n, h, w, word)."""
        return lambda *index: x[index]

    def _ones(self, operator: Operator, x: Any) -> Any:
        """P(x) of every window, int32 of the accumulator's shape without its channels."""
        conv, read = self.convolution(operator), self._words(x)
        place = te.reduce_axis((0, _window_words(conv)), "place")

        def count(*pixel: Expr) -> Expr:
            n, h, w = pixel if len(pixel) == 3 else (0, 0, *pixel)
            return te.sum(te.popcount(_word(conv, read, n, h, w, place)), axis=place)

        return te.compute(cast(AccumulatingOperator, operator).accumulator_shape()[:-1], count, ONES)


class BinaryMmaDense(BinaryMmaConv2d):
    """For :class:`Dense`: the rows take the place of the pixels of a map one row high."""

    kind = "dense"

    def convolution(self, operator: Operator) -> Conv2d:
        """The 1x1 convolution with the same work."""
        return cast(Dense, operator).as_conv2d()

    def _words(self, x: Any) -> Callable[..., Expr]:
        """The words of a row."""
        return lambda n, h, w, j: x[w, j]


def steps(conv: Conv2d) -> int:
    """Instructions along the words of a window."""
    return -(-_window_words(conv) // mma_b1.WORDS)


def padded_size(conv: Conv2d) -> tuple[int, int]:
    """Pairs of rows, of which the last may be half empty, by whole groups of columns."""
    rows, columns = conv.output_size
    return -(-rows // 2), -(-columns // mma_b1.GROUPS) * mma_b1.GROUPS


def operation_of(conv: Conv2d, target: Target) -> mma_b1.Operation:
    """What is counted: the algebra's own operation, or, where that is no instruction, ``and`` in its place."""
    return mma_b1.native(target) if conv.weight_bipolar else "and"


def counts_ones(conv: Conv2d, target: Target) -> bool:
    """Whether P(x ^ w) is made of P(x) + P(w) - 2 P(x & w); P(w) is part of the constants."""
    return conv.weight_bipolar and operation_of(conv, target) == "and"


def _word(conv: Conv2d, x: Any, n: Expr, row: Expr, column: Expr, place: Expr) -> Expr:
    """One of the words under the window of a pixel."""
    words, columns = words_for(conv.in_channels), conv.kernel[1]
    tap = place // words
    y = row * conv.stride[0] - conv.padding[0] + tap // columns * conv.dilation[0]
    z = column * conv.stride[1] - conv.padding[1] + tap % columns * conv.dilation[1]
    inside = tirx.all(y >= 0, y < conv.height, z >= 0, z < conv.width)
    return tirx.if_then_else(inside, x(n, y, z, place % words), popcount.pad_word(conv, place % words))


def _window_words(conv: Conv2d) -> int:
    return conv.kernel[0] * conv.kernel[1] * words_for(conv.in_channels)


def _patch(conv: Conv2d, x: Any) -> Any:
    """The words under the window of every pixel."""
    total = _window_words(conv)

    def word(n: Expr, s: Expr, h: Expr, w: Expr, i: Expr, k: Expr) -> Expr:
        place = s * mma_b1.WORDS + k
        held = _word(conv, x, n, h * 2 + i, w, place)
        return tirx.if_then_else(place < total, held, 0) if total % mma_b1.WORDS else held

    shape = (conv.batch, steps(conv), *padded_size(conv), 2, mma_b1.WORDS)
    return te.compute(shape, word, "patch")


def _finished(operator: AccumulatingOperator, conv: Conv2d, target: Target, tensors: Tensors, x: Any) -> list[Any]:
    patch, weight, operation = _patch(conv, x), tensors["weight"], operation_of(conv, target)
    s, k = te.reduce_axis((0, steps(conv)), "s"), te.reduce_axis((0, mma_b1.WORDS), "k")

    def product(n: Expr, h: Expr, w: Expr, c: Expr, i: Expr) -> Expr:
        place = (c // CHANNEL_ALIGNMENT, c % HELD // 2, s, c % CHANNEL_ALIGNMENT // HELD, c % 2, k)
        left, right = patch[n, s, h, w, i, k], weight[place]
        return te.sum(te.popcount(left ^ right if operation == "xor" else left & right), axis=[s, k])

    acc = te.compute((conv.batch, *padded_size(conv), conv.out_channels, 2), product, "acc")

    def accumulator(*index: Expr) -> Expr:
        n, h, w, c = index if len(index) == 4 else (0, 0, *index)
        count = acc[n, h // 2, w, c, h % 2]
        if counts_ones(conv, target):
            count = tensors[COUNTED][index[:-1]] - 2 * count
        total = tensors["base"][c] + popcount.factor(conv) * count
        if not popcount.needs_correction(conv):
            return total
        classes = popcount.border_class(conv, 0, h), popcount.border_class(conv, 1, w)
        return total + tensors["correction"][(*classes, c)]

    return finish(operator, target, accumulator, tensors, by_octets=True)
