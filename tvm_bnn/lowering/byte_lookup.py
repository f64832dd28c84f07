"""Two instructions of byte vectors: look-up in a table of 16 bytes, and a map's words spread out to nibbles.

The look-up is an operator of its own until loops have become vectors: it means something for whole vectors only. Its
first operand holds the same 16 bytes once for every 16 lanes, and lane ``i`` of the result is the byte that lane ``i``
of the second operand, an index below 16, picks: ``vpshufb``.

The nibbles are a tensor intrinsic for 64 bits: 16 bytes, each ``NIBBLE_STEP`` times four bits of the words in order.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tvm_bnn._tvm import T, dtype_cast, lanes_of, llvm_call, register_intrinsic, register_vector_operator
from tvm_bnn.ops.bits import WORD_BITS
from tvm_bnn.targets import Target

Expr = Any

ENTRIES = 16
"""Entries of a table, for an index of four bits."""

NIBBLE_BITS = 4
NIBBLES_OF_A_WORD = WORD_BITS // NIBBLE_BITS
WORDS = 2
"""Words that the intrinsic takes."""

BLOCK = WORDS * NIBBLES_OF_A_WORD
"""Nibbles that it makes."""

NIBBLE_STEP = 4
"""What a nibble is stored times: the address of a table's row is then an index that x86 multiplies by itself."""

_X86 = {16: "llvm.x86.ssse3.pshuf.b.128", 32: "llvm.x86.avx2.pshuf.b", 64: "llvm.x86.avx512.pshuf.b.512"}


def widths(target: Target) -> list[int]:
    """Lanes of the vectors that the target looks up in, ascending; none where it has no such instruction."""
    return [width for width in _X86 if width <= 4 * target.lanes] if "avx2" in target.requires else []


def looked_up(table: Expr, index: Expr) -> Expr:
    """One lane: the entry of ``table`` that ``index`` picks, both uint8."""
    return _LOOKUP(table, index)


def nibble(word: Expr, i: Expr) -> Expr:
    """Nibble ``i`` of a word, as it is stored."""
    return dtype_cast("uint8", (word >> (i * NIBBLE_BITS) & (2**NIBBLE_BITS - 1)) * NIBBLE_STEP)


_LOOKUP = register_vector_operator(
    "tvm_bnn_byte_lookup", "uint8", lambda table, index: llvm_call(str(table.ty), _X86[lanes_of(table)], table, index)
)


@cache
def nibbles_intrinsic() -> str:
    """The name of the tensor intrinsic, which is registered by asking for it."""
    name = "tvm_bnn.nibbles"
    register_intrinsic(name, _meaning(), _instruction())
    return name


def _spread(words: Expr) -> Expr:
    """16 nibbles from a vector of two words."""
    wide = T.Cast("uint16x8", T.reinterpret("uint8x8", words))
    low = wide << T.broadcast(T.uint16(2), 8) & T.broadcast(T.uint16(0x003C), 8)
    high = wide << T.broadcast(T.uint16(6), 8) & T.broadcast(T.uint16(0x3C00), 8)
    return T.reinterpret("uint8x16", low | high)


def _meaning() -> Any:
    """What the intrinsic computes, as plain loops."""

    # fmt: off
    @T.prim_func(s_tir=True)
    def meaning(x: T.handle, y: T.handle) -> None:
        X = T.match_buffer(x, (WORDS,), "int32", offset_factor=1)
        Y = T.match_buffer(y, (WORDS, NIBBLES_OF_A_WORD), "uint8", offset_factor=1)
        with T.sblock("root"):
            T.reads(X[0:WORDS])
            T.writes(Y[0:WORDS, 0:NIBBLES_OF_A_WORD])
            for word in range(WORDS):
                for i in range(NIBBLES_OF_A_WORD):
                    with T.sblock("nibble"):
                        vw, vi = T.axis.remap("SS", [word, i])
                        Y[vw, vi] = nibble(X[vw], vi)
    # fmt: on

    return meaning


def _instruction() -> Any:
    """The bytes doubled in width, then either half of them in its place."""

    # fmt: off
    @T.prim_func(s_tir=True)
    def instruction(x: T.handle, y: T.handle) -> None:
        X = T.match_buffer(x, (WORDS,), "int32", offset_factor=1)
        Y = T.match_buffer(y, (WORDS, NIBBLES_OF_A_WORD), "uint8", offset_factor=1)
        with T.sblock("root"):
            T.reads(X[0:WORDS])
            T.writes(Y[0:WORDS, 0:NIBBLES_OF_A_WORD])
            Y.vstore([0, 0], _spread(X.vload([0], "int32x2")))
    # fmt: on

    return instruction
