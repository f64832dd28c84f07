"""From bits to bytes: 64 bits of every plane become 64 bytes, by masks where loops name the intrinsic.

A byte is ``low + step * code`` with the code's planes as in :mod:`tvm_bnn.ops.bits`. The 64 bytes stand in 16 quads of
four, for that is how the dot-product instructions take them: byte ``i`` of quad ``q`` is bit ``4 q + i``.

The instruction reads a plane's 64 bits as a mask of 64 lanes and adds the plane's share where it is set: a mask move
and a masked addition for 64 bytes, where AVX-512 has masks of bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tvm_bnn._tvm import T, dtype_cast, ir, register_intrinsic, tirx
from tvm_bnn.ops.bits import WORD_BITS

Expr = Any

QUAD = 4
"""Bytes that one lane of a dot-product instruction multiplies."""

BLOCK = 64
"""Bytes that the intrinsic makes."""

QUADS = BLOCK // QUAD

_WORDS = BLOCK // WORD_BITS
_QUADS_OF_A_WORD = WORD_BITS // QUAD


@dataclass(frozen=True)
class Expansion:
    """How bytes are made of planes.

    Attributes:
        planes: of bits, 1 to 8.
        pitch: words from one plane to the next, at least 2.
        low: the byte of code 0.
        step: from one code to the next.
        dtype: ``uint8`` or ``int8``.
    """

    planes: int
    pitch: int
    low: int
    step: int
    dtype: str

    def byte(self, word: Callable[[Expr], Expr], quad: Expr, i: Expr) -> Expr:
        """Byte ``i`` of quad ``quad``, from ``word(j)``: word ``j`` after the first."""
        shift = quad % _QUADS_OF_A_WORD * QUAD + i
        code: Expr = 0
        for plane in range(self.planes):
            bit = word(plane * self.pitch + quad // _QUADS_OF_A_WORD) >> shift & 1
            code = code + (bit << plane if plane else bit)
        return dtype_cast(self.dtype, code * self.step + self.low)

    @property
    def intrinsic(self) -> str:
        """The name of the tensor intrinsic for 16 quads, which is registered by asking for it."""
        name = f"tvm_bnn.expand.{self.planes}.{self.pitch}.{self.low}.{self.step}.{self.dtype}"
        register_intrinsic(name, _meaning(self), _instruction(self))
        return name


def _span(expansion: Expansion) -> int:
    """Words from the first that is read to the last."""
    return (expansion.planes - 1) * expansion.pitch + _WORDS


def _meaning(expansion: Expansion) -> Any:
    """What the instruction computes, as plain loops."""
    span, dtype = _span(expansion), expansion.dtype

    # fmt: off
    @T.prim_func(s_tir=True)
    def meaning(x: T.handle, y: T.handle) -> None:
        X = T.match_buffer(x, (span,), "int32", offset_factor=1)
        Y = T.match_buffer(y, (QUADS, QUAD), dtype, offset_factor=1)
        with T.sblock("root"):
            T.reads(X[0:span])
            T.writes(Y[0:QUADS, 0:QUAD])
            for quad in range(QUADS):
                for i in range(QUAD):
                    with T.sblock("byte"):
                        vq, vi = T.axis.remap("SS", [quad, i])
                        Y[vq, vi] = expansion.byte(lambda j: X[j], vq, vi)
    # fmt: on

    return meaning


def _instruction(expansion: Expansion) -> Any:
    span, dtype = _span(expansion), expansion.dtype

    # fmt: off
    @T.prim_func(s_tir=True)
    def instruction(x: T.handle, y: T.handle) -> None:
        X = T.match_buffer(x, (span,), "int32", offset_factor=1)
        Y = T.match_buffer(y, (QUADS, QUAD), dtype, offset_factor=1)
        with T.sblock("root"):
            T.reads(X[0:span])
            T.writes(Y[0:QUADS, 0:QUAD])
            Y.vstore([0, 0], _masked_sum(expansion, X))
    # fmt: on

    return instruction


def _masked_sum(expansion: Expansion, words: Any) -> Expr:
    """64 bytes from vectors of words."""
    total = tirx.Broadcast(tirx.const(expansion.low, expansion.dtype), BLOCK)
    for plane in range(expansion.planes):
        bits = T.reinterpret("uint64", words.vload([plane * expansion.pitch], f"int32x{_WORDS}"))
        mask = ir.Call(ir.Op.get("tirx.reinterpret"), [bits], ret_ty=ir.PrimType(f"boolx{BLOCK}"))
        share = tirx.Broadcast(_wrapped(expansion.step << plane, expansion.dtype), BLOCK)
        total = tirx.Select(mask, total + share, total)
    return total


def _wrapped(value: int, dtype: str) -> Expr:
    """A constant modulo 256: sums of bytes wrap around, so that only the last one has to fit."""
    return tirx.const((value + 128) % 256 - 128 if dtype == "int8" else value, dtype)
