"""Binary convolutions on the tensor cores of a GPU by products of bytes: the yardstick of those by single bits.

Four bits of a word become the four bytes of another: +1 and -1, or 1 and 0 where they stand for these. A step is one
word of the map, 32 channels of a tap. Bytes outside the map are the number that is meant, so nothing has to be
corrected, and weights of channels that do not exist are 0. :mod:`tvm_bnn.lowering.mma_conv` has the layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tvm_bnn._tvm import tirx
from tvm_bnn.lowering import mma
from tvm_bnn.lowering.base import Array
from tvm_bnn.lowering.mma_conv import MmaConv2d, Read, Rows, padding_word, window_word, window_words
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import WORD_BITS, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.targets import Target

Expr = Any

_EACH = 0x01010101
"""1 in every byte."""

_APART = 1 + (1 << 7) + (1 << 14) + (1 << 21)
"""Times four bits: bit i stands at the place 8 i, among others."""


class SignsMmaInt8Conv2d(MmaConv2d):
    """By products of signed bytes."""

    name = "signs-mma-int8"

    def steps(self, conv: Conv2d) -> int:
        """One a word of bits."""
        return window_words(conv)

    def operation(self, conv: Conv2d, target: Target) -> mma.Operation:
        """Of signed bytes."""
        return "s8"

    def weight_words(self, conv: Conv2d, weight: Array) -> Array:
        """Bytes of the integers, 0 in channels that do not exist."""
        values = conv.weight_values(weight).astype(np.int8)
        missing = words_for(conv.in_channels) * WORD_BITS - conv.in_channels
        padded = np.pad(values, [(0, 0), (0, 0), (0, 0), (0, missing)])
        return np.ascontiguousarray(padded).reshape(conv.out_channels, -1).view(np.int32)

    def patch_word(self, conv: Conv2d, read: Read, n: Expr, step: Expr, h: Expr, w: Expr, k: Expr) -> Expr:
        """Four bytes of a word of bits."""
        inside, held = window_word(conv, read, n, h, w, step)
        outside: Expr = tirx.const(0, "int32")
        if conv.pad_value == "one":
            outside = _bytes_of(padding_word(conv, step), k, conv.activation_bipolar)
        return tirx.if_then_else(inside, _bytes_of(held, k, conv.activation_bipolar), outside)

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Bytes in the order of the fragments."""
        conv = self.convolution(operator)
        weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, -1)
        return {**canonical, "weight": self.fragments(conv, weight)}


class SignsMmaInt8Dense(Rows, SignsMmaInt8Conv2d):
    """The same for dense layers."""


def _bytes_of(word: Expr, k: Expr, bipolar: bool) -> Expr:
    """Bits 4 k to 4 k + 3 of a word as bytes: +1 and -1, or 1 and 0."""
    ones = (((word >> (4 * k)) & 15) * _APART) & _EACH
    if not bipolar:
        return ones
    minus = ones ^ _EACH
    return ((minus << 8) - minus) | _EACH
