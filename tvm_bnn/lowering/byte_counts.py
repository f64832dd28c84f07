"""Words whose four bytes count for themselves: bits that meet in every byte of two words, and the sum of the bytes.

Sums of such words are sums of their bytes as long as no byte overflows, so counters of eight bits need no type of their
own. On Advanced SIMD a word of bits is met, counted and added by three instructions of 128 bits; the sums are taken
apart by a pairwise addition or two, at the end of a chunk. All are operators of their own until loops have become
vectors, because only then the instructions are known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm_bnn._tvm import (
    all_lanes,
    dtype_cast,
    lanes_of,
    llvm_call,
    register_vector_operator,
    some_lanes,
    te,
    tirx,
)
from tvm_bnn.targets import Target

Expr = Any

BYTES = 4
"""Bytes of a word."""

BYTE_BITS = 8

MOST_WORDS = 255 // BYTE_BITS
"""Words whose counts a byte can sum."""

PAIRED_WORDS = MOST_WORDS // 2
"""Words whose counts two bytes together hold in one."""

_REGISTER = 16
"""Bytes of a register."""


def differing_bits(left: Expr, right: Expr) -> Expr:
    """int32 whose bytes are the numbers of bits that differ in those of two int32."""
    return _DIFFERING(left, right)


def common_bits(left: Expr, right: Expr) -> Expr:
    """int32 whose bytes are the numbers of bits that are set in those of both of two int32."""
    return _COMMON(left, right)


def sum_of_bytes(word: Expr, words: int, target: Target) -> Expr:
    """Sum of the bytes of ``word`` int32, as int16.

    Args:
        word: sum of counts.
        words: how many were added, ``MOST_WORDS`` at the most.
        target: that computes it.
    """
    if "asimd" not in target.requires:
        return _plain_sum(word)
    return (_PAIRED_SUM if words <= PAIRED_WORDS else _SUM)(word)


def _plain_sum(word: Expr, lanes: int = 1) -> Expr:
    """By shifts and masks."""
    wide, low = _typed("int32", lanes), tirx.const(0x00FF00FF, _typed("int32", lanes))
    halves = (word & low) + (word >> tirx.const(BYTE_BITS, wide) & low)
    total = halves + (halves >> tirx.const(2 * BYTE_BITS, wide))
    return dtype_cast(_typed("int16", lanes), total & tirx.const(0xFFFF, wide))


def _counted(word: Expr) -> Expr:
    lanes = lanes_of(word)
    octets = te.popcount(tirx.reinterpret(f"uint8x{lanes * BYTES}", word))
    return tirx.reinterpret(_typed("int32", lanes), octets)


def _summed(word: Expr) -> Expr:
    """Pairs of bytes to 16 bits, then pairs of these."""
    return _by_registers(word, lambda low, high: _pairwise(_widened(low), _widened(high)))


def _paired(word: Expr) -> Expr:
    """Pairs of bytes that stay bytes, then pairs of these to 16 bits."""
    return _by_registers(word, lambda low, high: _widened(_pairwise(low, high)))


def _by_registers(word: Expr, summed: Callable[[Expr, Expr], Expr]) -> Expr:
    """Sums of a vector that fills pairs of registers; others are computed as they come."""
    lanes = lanes_of(word)
    octets, count = tirx.reinterpret(f"uint8x{lanes * BYTES}", word), lanes * BYTES // _REGISTER
    if lanes * BYTES % (2 * _REGISTER):
        return _plain_sum(word, lanes)
    registers = [some_lanes(octets, i * _REGISTER, _REGISTER) for i in range(count)]
    sums = [summed(low, high) for low, high in zip(registers[::2], registers[1::2], strict=True)]
    return tirx.reinterpret(f"int16x{lanes}", all_lanes(sums))


def _pairwise(low: Expr, high: Expr) -> Expr:
    return llvm_call(str(low.ty), "llvm.aarch64.neon.addp", low, high)


def _widened(octets: Expr) -> Expr:
    return llvm_call("uint16x8", "llvm.aarch64.neon.uaddlp", octets)


def _typed(dtype: str, lanes: int) -> str:
    return f"{dtype}x{lanes}" if lanes > 1 else dtype


_DIFFERING = register_vector_operator("tvm_bnn_differing_bits", "int32", lambda a, b: _counted(a ^ b))
_COMMON = register_vector_operator("tvm_bnn_common_bits", "int32", lambda a, b: _counted(a & b))
_SUM = register_vector_operator("tvm_bnn_sum_of_bytes", "int16", _summed)
_PAIRED_SUM = register_vector_operator("tvm_bnn_sum_of_few_bytes", "int16", _paired)
