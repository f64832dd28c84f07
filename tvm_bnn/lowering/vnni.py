"""The tensor intrinsic ``vpdpbusd``: 16 lanes of four unsigned by four signed bytes, added to int32 lanes."""

from __future__ import annotations

from functools import cache
from typing import Any

from tvm_bnn._tvm import T, register_intrinsic


@cache
def intrinsic() -> str:
    """The name of the tensor intrinsic, which is registered by asking for it."""
    name = "tvm_bnn.vpdpbusd"
    register_intrinsic(name, _meaning(), _instruction())
    return name


def _meaning() -> Any:
    """What one instruction computes, as plain loops."""

    # fmt: off
    @T.prim_func(s_tir=True)
    def meaning(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (4,), "uint8", offset_factor=1)
        B = T.match_buffer(b, (16, 4), "int8", offset_factor=1)
        C = T.match_buffer(c, (16,), "int32", offset_factor=1, scope="local")
        with T.sblock("root"):
            T.reads(C[0:16], A[0:4], B[0:16, 0:4])
            T.writes(C[0:16])
            for lane in range(16):
                for i in range(4):
                    with T.sblock("update"):
                        vl, vi = T.axis.remap("SR", [lane, i])
                        C[vl] = C[vl] + T.Cast("int32", A[vi]) * T.Cast("int32", B[vl, vi])
    # fmt: on

    return meaning


def _instruction() -> Any:
    """The instruction: four bytes broadcast to all lanes against 64 weights."""

    # fmt: off
    @T.prim_func(s_tir=True)
    def instruction(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (4,), "uint8", offset_factor=1)
        B = T.match_buffer(b, (16, 4), "int8", offset_factor=1)
        C = T.match_buffer(c, (16,), "int32", offset_factor=1, scope="local")
        with T.sblock("root"):
            T.reads(C[0:16], A[0:4], B[0:16, 0:4])
            T.writes(C[0:16])
            C[T.ramp(0, 1, 16)] = T.call_llvm_pure_intrin(
                "int32x16",
                "llvm.x86.avx512.vpdpbusd.512",
                C.vload([0], "int32x16"),
                T.reinterpret("uint8x64", T.broadcast(T.reinterpret("int32", A.vload([0], "uint8x4")), 16)),
                B.vload([0, 0], "int8x64"),
            )
    # fmt: on

    return instruction
