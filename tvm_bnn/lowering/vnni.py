"""The tensor intrinsic ``vpdpbusd``: 16 lanes of four unsigned by four signed bytes, added to int32 lanes."""

from __future__ import annotations

from tvm_bnn._tvm import T, register_intrinsic

NAME = "tvm_bnn.vpdpbusd"


# fmt: off
@T.prim_func(s_tir=True)
def _meaning(a: T.handle, b: T.handle, c: T.handle) -> None:
    """What one instruction computes, as plain loops."""
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


@T.prim_func(s_tir=True)
def _instruction(a: T.handle, b: T.handle, c: T.handle) -> None:
    """The instruction: four bytes broadcast to all lanes against 64 weights."""
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


register_intrinsic(NAME, _meaning, _instruction)
