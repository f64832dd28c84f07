"""Popcount for groups of any width: every output channel reads the words its group spans, under a mask.

The portable answer where :mod:`tvm_bnn.lowering.popcount_lanes` declines. Weights are moved to the bit positions of
their channels in the map, so activations are read as they lie; the mask hides the neighbours that share a word.
Layouts: ``weight`` int32 [kh, kw, B, span, O], ``mask`` int32 [span, O], ``start`` int32 [O], the first word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import te
from tvm_bnn.lowering import popcount
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import WORD_BITS, pack_codes, unpack_codes, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any


class PopcountMaskedConv2d(Lowering):
    """For every :class:`Conv2d`."""

    name = "popcount-masked"
    kind = "conv2d"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Never."""
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights in place, masks, constants, then the epilogue's."""
        conv = cast(Conv2d, operator)
        outputs, span = conv.out_channels, _span(conv)
        own = [("weight", (*conv.kernel, conv.weight_bits, span, outputs)), ("mask", (span, outputs))]
        own += [("start", (outputs,)), ("base", (outputs,))]
        if popcount.needs_correction(conv):
            own.append(("correction", popcount.correction_shape(conv)))
        specs = [TensorSpec(name, shape, "int32", "parameter") for name, shape in own]
        return (*specs, *(spec for spec in canonical_parameters(operator) if spec.name != "weight"))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Move the bits of every filter to the channels of its group."""
        conv, weight = cast(Conv2d, operator), canonical["weight"]
        packed = {**canonical, **_placed(conv, weight), "base": popcount.base(conv, weight)}
        if popcount.needs_correction(conv):
            packed["correction"] = popcount.correction(conv, weight)
        return packed

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate channel by channel, then the shared epilogue."""
        conv = cast(Conv2d, operator)
        accumulator = _accumulate(conv, tensors)

        def read(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
            total = tensors["base"][channel] + popcount.factor(conv) * accumulator[n, h, w, channel]
            if not popcount.needs_correction(conv):
                return total
            classes = popcount.border_class(conv, 0, h), popcount.border_class(conv, 1, w)
            return total + tensors["correction"][(*classes, channel)]

        return finish(conv, target, read, tensors)


def _first_words(conv: Conv2d) -> Array:
    """The first word that every group sees, int32 [G]."""
    return np.arange(conv.groups, dtype=np.int32) * conv.group_channels // WORD_BITS


def _span(conv: Conv2d) -> int:
    """Words that a group spans at the most."""
    last = (np.arange(1, conv.groups + 1) * conv.group_channels - 1) // WORD_BITS
    return int((last - _first_words(conv)).max()) + 1


def _placed(conv: Conv2d, weight: Array) -> dict[str, Array]:
    """Weights, masks and first words by output channel."""
    group = np.arange(conv.out_channels) // (conv.out_channels // conv.groups)
    start = np.minimum(_first_words(conv)[group], words_for(conv.in_channels) - _span(conv)).astype(np.int32)
    words = start[:, None] + np.arange(_span(conv))
    codes = unpack_codes(weight, conv.group_channels, conv.weight_bits)
    wide = np.zeros((*codes.shape[:3], conv.in_channels), np.int32)
    own = np.zeros((conv.out_channels, conv.in_channels), np.int32)
    for output, g in enumerate(group):
        channels = slice(g * conv.group_channels, (g + 1) * conv.group_channels)
        wide[output, ..., channels] = codes[output]
        own[output, channels] = 1
    mask = np.take_along_axis(pack_codes(own, 1), words, axis=1)
    planes = pack_codes(wide, conv.weight_bits).reshape(*codes.shape[:3], conv.weight_bits, -1)
    placed = np.take_along_axis(planes, words[:, None, None, None], axis=-1)
    return {
        "weight": np.ascontiguousarray(np.moveaxis(placed, 0, -1)),
        "mask": np.ascontiguousarray(mask.T),
        "start": start,
    }


def _accumulate(conv: Conv2d, tensors: Tensors) -> Any:
    """The stage ``acc`` [N, HO, WO, O]: popcounts weighted by the significance of the planes."""
    padded = popcount.padded_words(conv, tensors["x"])
    words = words_for(conv.in_channels)
    extents = (*conv.kernel, conv.activation_bits, conv.weight_bits, _span(conv))
    names = ("kh", "kw", "a", "b", "j")
    kh, kw, a, b, j = (te.reduce_axis((0, extent), name) for extent, name in zip(extents, names, strict=True))

    def count(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
        row = h * conv.stride[0] + kh * conv.dilation[0]
        column = w * conv.stride[1] + kw * conv.dilation[1]
        x = padded(n, row, column, a * words + tensors["start"][channel] + j)
        weight = tensors["weight"][kh, kw, b, j, channel]
        term = popcount.popcount_term(conv, x, weight, tensors["mask"][j, channel])
        return te.sum(term << (a + b), axis=[kh, kw, a, b, j])

    return te.compute(conv.accumulator_shape(), count, "acc")
