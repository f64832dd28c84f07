"""Saturating sums and the rounding high product of int16: one instruction each where a processor has it.

They are operators of their own until loops have become vectors, because only then the instruction is known: the
sums exist in any width, the product as ``vpmulhrsw`` in three and as ``sqrdmulh``, ``(2 a b + 2^15) >> 16``, in two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tvm_bnn._tvm import all_lanes, dtype_cast, lanes_of, llvm_call, register_vector_operator, some_lanes, tirx
from tvm_bnn.targets import Target

Expr = Any

HIGH_BITS = 15
"""What the product is shifted by."""

_AVX2 = {8: "llvm.x86.ssse3.pmul.hr.sw.128", 16: "llvm.x86.avx2.pmul.hr.sw"}
_AVX512 = {**_AVX2, 32: "llvm.x86.avx512.pmul.hr.sw.512"}
_NEON = {4: "llvm.aarch64.neon.sqrdmulh", 8: "llvm.aarch64.neon.sqrdmulh"}
"""Products of so many lanes, by what a CPU has; LLVM gives up on one that it has not."""


def saturating_sum(left: Expr, right: Expr) -> Expr:
    """Sum of two int16, clamped to int16."""
    return _SUM(left, right)


def saturating_difference(left: Expr, right: Expr) -> Expr:
    """Difference of two int16, clamped to int16."""
    return _DIFFERENCE(left, right)


def high_product(left: Expr, right: Expr, target: Target) -> Expr:
    """``(left * right + 2^14) >> 15`` of two int16 as int16; not both -32768."""
    by_flag = {"avx512bw": _AVX512_PRODUCT, "avx2": _AVX2_PRODUCT, "asimd": _NEON_PRODUCT}
    product = next((by_flag[flag] for flag in by_flag if flag in target.requires), _plain_product)
    return product(left, right)


def _plain_product(left: Expr, right: Expr, lanes: int = 1) -> Expr:
    wide = _typed("int32", lanes)
    product = dtype_cast(wide, left) * dtype_cast(wide, right)
    rounded = (product + tirx.const(1 << (HIGH_BITS - 1), wide)) >> tirx.const(HIGH_BITS, wide)
    return dtype_cast(_typed("int16", lanes), rounded)


def _instruction(names: Mapping[int, str], left: Expr, right: Expr) -> Expr:
    lanes, widest = lanes_of(left), max(names)
    if lanes in names:
        return _same(names[lanes], left, right)
    if lanes % widest:
        return _plain_product(left, right, lanes)
    parts = ((some_lanes(value, first, widest) for value in (left, right)) for first in range(0, lanes, widest))
    return all_lanes([_same(names[widest], *part) for part in parts])


def _same(name: str, left: Expr, right: Expr) -> Expr:
    """A call whose result is like its arguments."""
    return llvm_call(_typed("int16", lanes_of(left)), name, left, right)


def _typed(dtype: str, lanes: int) -> str:
    return f"{dtype}x{lanes}" if lanes > 1 else dtype


def _clamped(value: Expr) -> Expr:
    """An int32 as the nearest int16."""
    return dtype_cast("int16", tirx.max(tirx.min(value, tirx.const(2**15 - 1, "int32")), tirx.const(-(2**15), "int32")))


def _registered(name: str, lowered: Callable[[Expr, Expr], Expr], scalar: Any = None) -> Callable[[Expr, Expr], Expr]:
    return register_vector_operator(f"tvm_bnn_{name}", "int16", lowered, scalar)


_SUM = _registered(
    "saturating_sum",
    lambda a, b: _same("llvm.sadd.sat", a, b),
    lambda a, b: _clamped(dtype_cast("int32", a) + dtype_cast("int32", b)),
)
_DIFFERENCE = _registered(
    "saturating_difference",
    lambda a, b: _same("llvm.ssub.sat", a, b),
    lambda a, b: _clamped(dtype_cast("int32", a) - dtype_cast("int32", b)),
)
_AVX2_PRODUCT = _registered("avx2_high_product", lambda a, b: _instruction(_AVX2, a, b))
_AVX512_PRODUCT = _registered("avx512_high_product", lambda a, b: _instruction(_AVX512, a, b))
_NEON_PRODUCT = _registered("neon_high_product", lambda a, b: _instruction(_NEON, a, b))
