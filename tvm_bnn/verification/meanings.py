"""What calls in a loop nest stand for: how many operations, of which kind, and which arguments are computed for them.

Tensor intrinsics have become instructions by the time that loops are counted. One that is not named here is an error,
for what cannot be counted must not count as nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tvm_bnn._tvm import lanes_of
from tvm_bnn.lowering.amx import ROW_BYTES, ROWS
from tvm_bnn.lowering.byte_lookup import NIBBLE_BITS
from tvm_bnn.ops.bits import WORD_BITS
from tvm_bnn.verification.operations import Operations

_TILE_BYTES = ROWS * ROW_BYTES


@dataclass(frozen=True)
class Meaning:
    """What one call does.

    Attributes:
        operations: of one element of the result, or of the whole call for an instruction.
        computed: places of the arguments that are computed; None for all. The others are tables, addresses or numbers
            of registers.
    """

    operations: Operations = field(default_factory=Operations)
    computed: tuple[int, ...] | None = None


_ONE_INTEGER = Meaning(Operations(integer_ops=1))
_ONE_EXPONENTIAL = Meaning(Operations(exponentials=1))
_NOTHING = Meaning()
_HIGH_PRODUCT = Meaning(Operations(integer_ops=3))
"""A product, a rounding addition and a shift."""

BY_ELEMENT: Mapping[str, Meaning] = {
    "abs": _ONE_INTEGER,
    **dict.fromkeys(("exp", "exp2", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "erf", "pow"), _ONE_EXPONENTIAL),
    **dict.fromkeys(("reinterpret", "likely"), _NOTHING),
    **dict.fromkeys(("tvm_bnn_saturating_sum", "tvm_bnn_saturating_difference"), _ONE_INTEGER),
    **dict.fromkeys((f"tvm_bnn_{name}_high_product" for name in ("avx2", "avx512", "neon")), _HIGH_PRODUCT),
    "tvm_bnn_byte_product": _ONE_INTEGER,
    # A difference and its magnitude.
    "tvm_bnn_byte_difference": Meaning(Operations(integer_ops=2)),
    "tvm_bnn_neon_lookup": Meaning(Operations(lookups=1), (0,)),
    "tvm_bnn_lookup_128": Meaning(Operations(lookups=1), (1,)),
    # The table that activations pick holds popcounts by weights: one look-up meets the bits of a nibble.
    "tvm_bnn_byte_lookup": Meaning(Operations(bops=2 * NIBBLE_BITS, lookups=1), (1,)),
    **dict.fromkeys(("tvm_bnn_differing_bits", "tvm_bnn_common_bits"), Meaning(Operations(bops=2 * WORD_BITS))),
    **dict.fromkeys(("tvm_bnn_sum_of_bytes", "tvm_bnn_sum_of_few_bytes"), Meaning(Operations(integer_ops=3))),
    # A bit of every comparison, and their sum.
    "tvm_bnn_packed_signs": Meaning(Operations(integer_ops=2 * WORD_BITS - 1)),
}
"""Operators of TVM and of the lowerings, without their prefix."""

_INSTRUCTIONS: Mapping[str, Meaning] = {
    **dict.fromkeys(("aarch64.neon.sdot", "aarch64.neon.udot"), Meaning(Operations(integer_ops=2 * 16))),
    "aarch64.neon.smull": Meaning(Operations(integer_ops=8)),
    "aarch64.neon.saddlp": Meaning(Operations(integer_ops=4)),
    "x86.avx512.vpdpbusd.512": Meaning(Operations(integer_ops=2 * 64)),
    "x86.tdpbssd": Meaning(Operations(integer_ops=2 * ROWS * (ROW_BYTES // 4) * ROW_BYTES), ()),
    "x86.tileloadd64": Meaning(Operations(loaded=_TILE_BYTES), ()),
    "x86.tilestored64": Meaning(Operations(stored=_TILE_BYTES), ()),
    **{f"x86.{name}": Meaning(computed=()) for name in ("ldtilecfg", "tilezero", "tilerelease")},
}

_BY_OPERAND: Mapping[str, Callable[[Any], Operations]] = {
    "vector.reduce.add": lambda operand: Operations(integer_ops=lanes_of(operand) - 1),
    "vector.reduce.umin": lambda operand: Operations(comparisons=lanes_of(operand) - 1),
}


def of_instruction(name: str, operands: list[Any]) -> Meaning:
    """What one LLVM intrinsic does, ``name`` without ``llvm.``.

    Raises:
        ValueError: unknown.
    """
    if name in _BY_OPERAND:
        return Meaning(_BY_OPERAND[name](operands[0]))
    if name not in _INSTRUCTIONS:
        raise ValueError(f"expected an instruction whose operations are known, got llvm.{name}")
    return _INSTRUCTIONS[name]
