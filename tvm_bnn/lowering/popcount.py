"""The popcount algebra shared by the bit-serial lowerings: constants, padding and the two polarities.

With the four cases of :mod:`tvm_bnn.ops.conv2d` written as one: the accumulator is
``base[o] + correction[row, column, o] + factor * sum over planes of 2^(a + b) popcount(x_a op w_b)`` where ``op`` is
xor for bipolar weights and and for unipolar ones, and popcount(0 op w) of a padding word is accounted for below.

- bipolar x bipolar: factor -2, base K (2^A - 1)(2^B - 1)
- unipolar x bipolar: factor -1, base sum over planes of 2^(a+b) P(w)
- bipolar x unipolar: factor 2, base minus that sum
- unipolar x unipolar: factor 1, base 0

``correction`` exists only for zero padding of bipolar activations: words outside the map are 0 there, which stands
for -(2^A - 1) in every channel, so (2^A - 1) times the weights of the taps outside is added back. Which taps lie
outside depends on the row and the column only near the border, so rows and columns fall into few classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import te, tirx
from tvm_bnn.ops.bits import WORD_BITS, unpack_codes, words_for
from tvm_bnn.ops.conv2d import Conv2d

Array = NDArray[Any]
Expr = Any


def factor(conv: Conv2d) -> int:
    """What one popcount is multiplied by."""
    if conv.weight_bipolar:
        return -2 if conv.activation_bipolar else -1
    return 2 if conv.activation_bipolar else 1


def base(conv: Conv2d, weight: Array) -> Array:
    """The constant of every output channel, int32 [O], from canonical weights."""
    levels = 2**conv.activation_bits - 1
    if conv.activation_bipolar and conv.weight_bipolar:
        return np.full(conv.out_channels, conv.accumulator_bound(), np.int32)
    if not conv.activation_bipolar and not conv.weight_bipolar:
        return np.zeros(conv.out_channels, np.int32)
    codes = unpack_codes(weight, conv.group_channels, conv.weight_bits)
    total = levels * codes.sum(axis=(1, 2, 3), dtype=np.int32)
    return total if conv.weight_bipolar else -total


def needs_correction(conv: Conv2d) -> bool:
    """Whether words outside the map stand for something else than zero."""
    return conv.pad_value == "zero" and conv.activation_bipolar and any(conv.padding)


def border(conv: Conv2d, axis: int) -> tuple[int, int]:
    """How many output rows (axis 0) or columns (1) at either end see taps outside the map."""
    size, count = (conv.height, conv.width)[axis], conv.output_size[axis]
    outside = _taps_outside(conv, axis).any(axis=1)
    before = np.arange(count) * conv.stride[axis] < conv.padding[axis]
    first = int((outside & before).sum())
    last = int((outside & ~before).sum())
    return (count, 0) if first + last >= count or size < conv.window.extent(axis) else (first, last)


def _taps_outside(conv: Conv2d, axis: int) -> Array:
    """Bool [outputs, taps] along one axis."""
    size, count = (conv.height, conv.width)[axis], conv.output_size[axis]
    start = np.arange(count)[:, None] * conv.stride[axis] - conv.padding[axis]
    position = start + np.arange(conv.kernel[axis])[None] * conv.dilation[axis]
    return (position < 0) | (position >= size)


def border_class(conv: Conv2d, axis: int, index: Expr) -> Expr:
    """The class of output ``index``: its own number near the start, one for the middle, then those near the end."""
    (first, last), count = border(conv, axis), conv.output_size[axis]
    if first == count:
        return index
    clamped = te.min(index, first)
    return te.max(clamped, index - (count - last) + first + 1) if last else clamped


def correction_shape(conv: Conv2d) -> tuple[int, int, int]:
    """[row classes, column classes, O]."""
    rows, columns = (_representatives(conv, axis).size for axis in (0, 1))
    return rows, columns, conv.out_channels


def _representatives(conv: Conv2d, axis: int) -> Array:
    """One output index of every class."""
    (first, last), count = border(conv, axis), conv.output_size[axis]
    if first == count:
        return np.arange(count)
    return np.concatenate([np.arange(first + 1), np.arange(count - last, count)])


def correction(conv: Conv2d, weight: Array) -> Array:
    """What zero padding adds back, int32 [row classes, column classes, O], from canonical weights."""
    taps = conv.weight_values(weight).sum(axis=3, dtype=np.int32)
    rows, columns = (_taps_outside(conv, axis)[_representatives(conv, axis)] for axis in (0, 1))
    outside = rows[:, None, :, None] | columns[None, :, None, :]
    levels = 2**conv.activation_bits - 1
    return levels * np.einsum("rskl,okl->rso", outside.astype(np.int32), taps).astype(np.int32)


def padded_words(conv: Conv2d, x: Any) -> Any:
    """The map with its padding, called with (n, h, w, word); the map itself where there is none.

    The stage ``pad`` int32 [N, H + 2 ph, (W + 2 pw) words] holds the pixels of a row end to end, so that a row is
    copied by vectors however few words a pixel has.
    """
    rows, columns = conv.padding
    if not rows and not columns:
        return x
    words = conv.activation_bits * words_for(conv.in_channels)
    left, right = columns * words, (columns + conv.width) * words

    def word(n: Expr, h: Expr, k: Expr) -> Expr:
        inside = tirx.all(h >= rows, h < conv.height + rows, k >= left, k < right)
        held = x[n, h - rows, (k - left) // words, k % words]
        return tirx.if_then_else(inside, held, pad_word(conv, k % words_for(conv.in_channels)))

    shape = (conv.batch, conv.height + 2 * rows, right + left)
    flat = te.compute(shape, word, "pad")
    return lambda n, h, w, j: flat[n, h, w * words + j]


def pad_word(conv: Conv2d, word: Expr) -> Expr:
    """The word of a pixel outside the map: zeros, or ones in the real channels."""
    if conv.pad_value == "zero":
        return tirx.const(0, "int32")
    full, rest = divmod(conv.in_channels, WORD_BITS)
    ones = tirx.const(-1, "int32")
    if words_for(conv.in_channels) == full:
        return ones
    partial = tirx.const(2**rest - 1, "int32")
    return tirx.Select(word < full, ones, tirx.Select(word == full, partial, tirx.const(0, "int32")))


def popcount_term(conv: Conv2d, x: Expr, weight: Expr, mask: Expr | None = None) -> Expr:
    """popcount(x op w), with a mask where groups share a word."""
    met = x ^ weight if conv.weight_bipolar else x & weight
    return te.popcount(met if mask is None else met & mask)
