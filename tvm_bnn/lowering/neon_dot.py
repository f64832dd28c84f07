"""Tensor intrinsics of Advanced SIMD that multiply bytes and add neighbouring products to int32 lanes.

The same few bytes of activations meet the weights of several output channels, which fill a register. Where there is
the dot product (``sdot``, ``udot``) four products go to a lane, and the register holds four channels. Without it two
go to a lane, by ``smull`` and ``sadalp``; the register then holds eight channels, whose sums take two registers. A
Cortex-A72 starts one of either every cycle, for they go to different pipes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from tvm_bnn._tvm import T, llvm_call, register_intrinsic
from tvm_bnn.targets import Target

Expr = Any


@dataclass(frozen=True)
class ByteDot:
    """An instruction, or two.

    Attributes:
        together: bytes that are multiplied and added to one lane.
        lanes: output channels that a register of weights holds.
        dtype: of the bytes, ``int8`` or ``uint8``.
    """

    together: int
    lanes: int
    dtype: str = "int8"

    @property
    def intrinsic(self) -> str:
        """The name of the tensor intrinsic, which is registered by asking for it."""
        return _registered(self)


PAIRS, QUADS, UNSIGNED_QUADS = ByteDot(2, 8), ByteDot(4, 4), ByteDot(4, 4, "uint8")


def byte_dot(target: Target) -> ByteDot:
    """What the target has for signed bytes."""
    return QUADS if "asimddp" in target.requires else PAIRS


@cache
def _registered(dot: ByteDot) -> str:
    name = f"tvm_bnn.neon_dot.{dot.together}.{dot.dtype}"
    register_intrinsic(name, _meaning(dot), _pairs() if dot == PAIRS else _quads(dot))
    return name


def _meaning(dot: ByteDot) -> Any:
    """What the instructions compute, as plain loops."""
    lanes, together, dtype = dot.lanes, dot.together, dot.dtype

    # fmt: off
    @T.prim_func(s_tir=True)
    def meaning(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (together,), dtype, offset_factor=1)
        B = T.match_buffer(b, (lanes, together), dtype, offset_factor=1)
        C = T.match_buffer(c, (lanes,), "int32", offset_factor=1, scope="local")
        with T.sblock("root"):
            T.reads(C[0:lanes], A[0:together], B[0:lanes, 0:together])
            T.writes(C[0:lanes])
            for lane in range(lanes):
                for i in range(together):
                    with T.sblock("update"):
                        vl, vi = T.axis.remap("SR", [lane, i])
                        C[vl] = C[vl] + T.Cast("int32", A[vi]) * T.Cast("int32", B[vl, vi])
    # fmt: on

    return meaning


def _pair_sums(activations: Any, weights: Expr) -> Expr:
    """Sums of two products for four output channels."""
    pair = T.reinterpret("int16", activations.vload([0], "int8x2"))
    products = llvm_call("int16x8", "llvm.aarch64.neon.smull", weights, T.reinterpret("int8x8", T.broadcast(pair, 4)))
    return llvm_call("int32x4", "llvm.aarch64.neon.saddlp", products)


def _pairs() -> Any:
    """Two bytes in all lanes; either half of the weights has a register of sums."""

    # fmt: off
    @T.prim_func(s_tir=True)
    def instruction(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (2,), "int8", offset_factor=1)
        B = T.match_buffer(b, (8, 2), "int8", offset_factor=1)
        C = T.match_buffer(c, (8,), "int32", offset_factor=1, scope="local")
        with T.sblock("root"):
            T.reads(C[0:8], A[0:2], B[0:8, 0:2])
            T.writes(C[0:8])
            C.vstore([0], C.vload([0], "int32x4") + _pair_sums(A, B.vload([0, 0], "int8x8")))
            C.vstore([4], C.vload([4], "int32x4") + _pair_sums(A, B.vload([4, 0], "int8x8")))
    # fmt: on

    return instruction


def _quads(dot: ByteDot) -> Any:
    """Four bytes in all lanes."""
    dtype, name = dot.dtype, f"llvm.aarch64.neon.{'sdot' if dot.dtype == 'int8' else 'udot'}"

    # fmt: off
    @T.prim_func(s_tir=True)
    def instruction(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, (4,), dtype, offset_factor=1)
        B = T.match_buffer(b, (4, 4), dtype, offset_factor=1)
        C = T.match_buffer(c, (4,), "int32", offset_factor=1, scope="local")
        with T.sblock("root"):
            T.reads(C[0:4], A[0:4], B[0:4, 0:4])
            T.writes(C[0:4])
            C[T.ramp(0, 1, 4)] = T.call_llvm_pure_intrin(
                "int32x4",
                name,
                C.vload([0], "int32x4"),
                B.vload([0, 0], f"{dtype}x16"),
                T.reinterpret(f"{dtype}x16", T.broadcast(T.reinterpret("int32", A.vload([0], f"{dtype}x4")), 4)),
            )
    # fmt: on

    return instruction
