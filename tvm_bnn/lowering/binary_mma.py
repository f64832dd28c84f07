"""Binary convolutions on the tensor cores of a GPU by products of single bits, 256 a step.

The words of a window are those of the map end to end, those beyond the last are 0; :mod:`tvm_bnn.lowering.mma_conv`
has the layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import te, tirx
from tvm_bnn.lowering import mma, popcount
from tvm_bnn.lowering.base import Array, Tensors, data_inputs
from tvm_bnn.lowering.mma_conv import MmaConv2d, Read, Rows, padding_word, window_word, window_words
from tvm_bnn.ops.base import AccumulatingOperator, Operator
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

ONES, COUNTED = "ones", "ones_counted"
"""P(x) as it is computed, and as it is read."""


class BinaryMmaConv2d(MmaConv2d):
    """By what the target's tensor cores do between bits."""

    name = "binary-mma"

    def steps(self, conv: Conv2d) -> int:
        """Of 8 words."""
        return -(-window_words(conv) // mma.WORDS)

    def operation(self, conv: Conv2d, target: Target) -> mma.Operation:
        """The algebra's own operation, or, where that is no instruction, ``and`` in its place."""
        return mma.native(target) if conv.weight_bipolar else "and"

    def weight_words(self, conv: Conv2d, weight: Array) -> Array:
        """End to end, padded to whole steps."""
        words = weight.reshape(conv.out_channels, -1)
        return np.pad(words, [(0, 0), (0, self.steps(conv) * mma.WORDS - words.shape[1])])

    def patch_word(self, conv: Conv2d, read: Read, n: Expr, step: Expr, h: Expr, w: Expr, k: Expr) -> Expr:
        """As it is in the map."""
        total, place = window_words(conv), step * mma.WORDS + k
        held = _word(conv, read, n, h, w, place)
        return tirx.if_then_else(place < total, held, 0) if total % mma.WORDS else held

    def constants(self, conv: Conv2d) -> tuple[TensorSpec, ...]:
        """Those of the popcount algebra."""
        own: list[tuple[str, tuple[int, ...]]] = [("base", (conv.out_channels,))]
        if popcount.needs_correction(conv):
            own.append(("correction", popcount.correction_shape(conv)))
        return tuple(TensorSpec(name, shape, "int32", "parameter") for name, shape in own)

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Words in the order of the fragments; P(w), where it is part of the constants."""
        conv = self.convolution(operator)
        weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, -1)
        packed = {**canonical, "weight": self.fragments(conv, weight), "base": popcount.base(conv, weight)}
        if self.counts_ones(conv, target):
            ones = np.bitwise_count(weight.view(np.uint32)).sum(axis=(1, 2, 3), dtype=np.int32)
            packed["base"] += popcount.factor(conv) * ones
        if popcount.needs_correction(conv):
            packed["correction"] = popcount.correction(conv, weight)
        return packed

    def function(self, operator: Operator, target: Target) -> Any:
        """As any; where P(x) is counted apart, :data:`COUNTED` and :data:`ONES` come before the outputs.

        The space makes them one buffer inside the function: to TVM the product and the count must not depend on each
        other, or their loops could not be arranged one by one.
        """
        if not self.counts_ones(self.convolution(operator), target):
            return super().function(operator, target)
        specs = [*data_inputs(operator), *self.parameters(operator, target)]
        tensors = {spec.name: te.placeholder(spec.shape, spec.dtype, spec.name) for spec in specs}
        ones = self._ones(operator, tensors["x"])
        counted = te.placeholder(ones.shape, "int32", COUNTED)
        outputs = self.compute(operator, target, {**tensors, COUNTED: counted})
        return te.create_prim_func([*tensors.values(), counted, ones, *outputs])

    def counts_ones(self, conv: Conv2d, target: Target) -> bool:
        """Whether P(x ^ w) is made of P(x) + P(w) - 2 P(x & w); P(w) is part of the constants."""
        return conv.weight_bipolar and self.operation(conv, target) == "and"

    def accumulated(self, conv: Conv2d, target: Target, total: Expr, index: tuple[Expr, ...], tensors: Tensors) -> Expr:
        """By the popcount algebra."""
        n, h, w, c = index
        if self.counts_ones(conv, target):
            pixel = (n, h, w) if len(tensors[COUNTED].shape) == 3 else (w,)
            total = tensors[COUNTED][pixel] - 2 * total
        summed = tensors["base"][c] + popcount.factor(conv) * total
        if not popcount.needs_correction(conv):
            return summed
        classes = popcount.border_class(conv, 0, h), popcount.border_class(conv, 1, w)
        return summed + tensors["correction"][(*classes, c)]

    def _ones(self, operator: Operator, x: Any) -> Any:
        """P(x) of every window, int32 of the accumulator's shape without its channels."""
        conv, read = self.convolution(operator), self.read(x)
        place = te.reduce_axis((0, window_words(conv)), "place")

        def count(*pixel: Expr) -> Expr:
            n, h, w = pixel if len(pixel) == 3 else (0, 0, *pixel)
            return te.sum(te.popcount(_word(conv, read, n, h, w, place)), axis=place)

        return te.compute(cast(AccumulatingOperator, operator).accumulator_shape()[:-1], count, ONES)


class BinaryMmaDense(Rows, BinaryMmaConv2d):
    """The same for dense layers."""


def _word(conv: Conv2d, read: Read, n: Expr, row: Expr, column: Expr, place: Expr) -> Expr:
    """One of the words under the window of a pixel."""
    inside, held = window_word(conv, read, n, row, column, place)
    return tirx.if_then_else(inside, held, padding_word(conv, place))
