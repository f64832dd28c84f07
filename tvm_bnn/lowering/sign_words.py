"""Words of signs: 32 comparisons, their results packed to bits.

Where the hardware has masks a comparison of vectors is one, read as an integer. Advanced SIMD has none: its comparisons
give lanes of ones or zeros, which are masked with a bit each and added up in pairs until a lane holds the bits of 16.
A thread of a GPU sets the bits of the results that it holds itself, so that no thread waits for another.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from tvm_bnn._tvm import all_lanes, llvm_call, mask_word, register_vector_operator, some_lanes, tirx
from tvm_bnn.ops.bits import WORD_BITS
from tvm_bnn.targets import Target

Expr = Any

_LANES = 8
"""Lanes of 16 bits in a register."""

_PLACES = (0x0808040402020101, 0x8080404020201010)
"""Two bytes with bit 0, two with bit 1, ... two with bit 7."""


def sign_word(
    left: Any,
    right: Any,
    start: Expr,
    target: Target,
    index: tuple[Expr, ...],
    right_index: tuple[Expr, ...] = (),
) -> Expr:
    """One int32 word whose bit i is ``left[*index, start + i] >= right[*right_index, start + i]``."""
    if target.kind == "cuda":
        return sign_bits(left, right, start, WORD_BITS, index, right_index)
    lanes = tirx.Ramp(start, 1, WORD_BITS)
    mask = left[(*index, lanes)] >= right[(*right_index, lanes)]
    return _PACKED(mask) if "asimd" in target.requires else mask_word(mask)


def sign_bits(
    left: Any, right: Any, start: Expr, count: int, index: tuple[Expr, ...], right_index: tuple[Expr, ...] = ()
) -> Expr:
    """The lowest ``count`` bits of such a word, one comparison after the other."""
    bits = (
        tirx.Select(
            left[(*index, start + i)] >= right[(*right_index, start + i)],
            tirx.const(-(2**31) if i == WORD_BITS - 1 else 1 << i, "int32"),
            tirx.const(0, "int32"),
        )
        for i in range(count)
    )
    return functools.reduce(operator.or_, bits)


def _packed(mask: Expr) -> Expr:
    """Of every two registers of eight lanes the lower bytes side by side, then pairs of lanes added up."""
    wide = [_lanes_of(mask, first) for first in range(0, WORD_BITS, _LANES)]
    bits = [_bits(low, high) for low, high in zip(wide[::2], wide[1::2], strict=True)]
    pairs = _pairwise(*bits)
    fours = _pairwise(pairs, pairs)
    words = tirx.reinterpret("int32x4", _pairwise(fours, fours))
    return some_lanes(words, 0, 1)


def _lanes_of(mask: Expr, first: int) -> Expr:
    """Eight comparisons as bytes, two each."""
    ones, zeros = (tirx.Broadcast(tirx.const(value, "int16"), WORD_BITS) for value in (-1, 0))
    return tirx.reinterpret("uint8x16", some_lanes(tirx.Select(mask, ones, zeros), first, _LANES))


def _bits(low: Expr, high: Expr) -> Expr:
    """Lane i: bit i of the comparison i of ``low``, and bit 8 + i of that of ``high``."""
    order = [place for i in range(0, 2 * _LANES, 2) for place in (i, 2 * _LANES + i)]
    side_by_side = tirx.Shuffle([low, high], [tirx.const(place, "int32") for place in order])
    places = all_lanes([tirx.const(octets, "uint64") for octets in _PLACES])
    return tirx.reinterpret("uint16x8", side_by_side & tirx.reinterpret("uint8x16", places))


def _pairwise(low: Expr, high: Expr) -> Expr:
    return llvm_call("uint16x8", "llvm.aarch64.neon.addp", low, high)


_PACKED = register_vector_operator("tvm_bnn_packed_signs", "int32", _packed)
