"""The tensor core instructions as tensor intrinsics: what one thread of a warp sees of them.

All of them multiply 16 rows by 8 columns of 8 words of 32 bits each, with fragments that lie alike in registers, and
differ in what a word is:

========  ================================================================  ==================
name      PTX                                                               a word
========  ================================================================  ==================
``xor``   ``mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.xor.popc``     32 bits
``and``   ``mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc``     32 bits
``s8``    ``mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32``               4 signed bytes
``u8``    ``mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32``               4 bytes without
========  ================================================================  ==================

On ``sm_90`` the assembler replaces the first by a subroutine around the second. By the fragments of the PTX ISA, thread
t of the group g of four holds of the result the rows g and g + 8 at the columns 2 t and 2 t + 1: to the thread it is
the tensor expression ::

    c[j, i] += sum over k < 8 of product(a[i, k], b[j, k])

with two rows a, two columns b of 8 words. The thread loads other words than these: of the rows words t and t + 4, of
the column g the same. Words of rows and columns may be permuted alike, so it takes words 2 t and 2 t + 1, which are one
access of 64 bits.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

from tvm_bnn._tvm import T, add_cuda_helper, register_intrinsic, te
from tvm_bnn.targets import Target

Operation = Literal["xor", "and", "s8", "u8"]

Scope = Literal["global", "shared"]
"""Where the columns lie; rows are always in shared memory."""

ROWS, COLUMNS, WORDS = 16, 8, 8
"""Of the instruction: rows, columns, and words of 32 bits of each."""

THREADS, GROUPS = 4, 8
"""A warp: ``threadIdx.x`` in a group, ``threadIdx.y`` of groups."""

BYTES = 4
"""In a word."""

_SHAPES: dict[Operation, str] = {
    "xor": "m16n8k256.row.col.s32.b1.b1.s32.xor.popc",
    "and": "m16n8k256.row.col.s32.b1.b1.s32.and.popc",
    "s8": "m16n8k32.row.col.s32.s8.s8.s32",
    "u8": "m16n8k32.row.col.s32.u8.u8.s32",
}

_SOURCE = r"""
#ifndef TVM_BNN_EMULATED
static __device__ __forceinline__ void tvm_bnn_mma_@_fragments(
    int* c, int a0, int a1, int a2, int a3, int b0, int b1) {
  asm volatile(
      "mma.sync.aligned.%SHAPE% "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[2]), "+r"(c[1]), "+r"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
#endif
/* c: 2 columns by 2 rows; a: rows g and g + 8, 8 words each; b: column 2 t of 8 columns of 8 words each. */
static __device__ __forceinline__ void tvm_bnn_mma_@(int* c, const int* a, const int* b) {
  int t = threadIdx.x, g = threadIdx.y;
  int2 above = *reinterpret_cast<const int2*>(a + 2 * t);
  int2 below = *reinterpret_cast<const int2*>(a + 8 + 2 * t);
  int2 column = *reinterpret_cast<const int2*>(b + (g - 2 * t) * 8 + 2 * t);
  tvm_bnn_mma_@_fragments(c, above.x, below.x, above.y, below.y, column.x, column.y);
}
"""


@functools.cache
def intrinsic(operation: Operation, columns: Scope = "global") -> str:
    """The name of the intrinsic whose columns lie there; it is made when first asked for, which takes a while."""
    name = f"tvm_bnn.mma_{operation}_{columns}"
    register_intrinsic(name, _meaning(operation, columns), _instruction(operation, columns))
    return name


def native(target: Target) -> Operation:
    """What the target's tensor cores do by themselves between two words of bits."""
    assert target.cuda is not None
    return "xor" if target.cuda.number < 90 else "and"


def product(operation: Operation, left: Any, right: Any) -> Any:
    """Of two words, int32."""
    if operation in ("xor", "and"):
        return te.popcount(left ^ right if operation == "xor" else left & right)
    first, *rest = (_byte(operation, left, i) * _byte(operation, right, i) for i in range(BYTES))
    return sum(rest, first)


def _byte(operation: Operation, word: Any, i: int) -> Any:
    """Byte ``i`` of a word, with its sign or without, as int32."""
    if operation == "u8":
        return (word >> (8 * i)) & 255
    return (word << (24 - 8 * i)) >> 24


def _meaning(operation: Operation, columns: Scope) -> Any:
    """What a thread sees, as plain loops."""

    # fmt: off
    @T.prim_func(s_tir=True)
    def meaning(a: T.handle, b: T.handle, c: T.handle) -> None:
        left = T.match_buffer(a, (2, 8), "int32", offset_factor=2, scope="shared")
        right = T.match_buffer(b, (2, 8), "int32", offset_factor=16, scope=columns)
        total = T.match_buffer(c, (2, 2), "int32", offset_factor=4, scope="local")
        with T.sblock("root"):
            T.reads(total[0:2, 0:2], left[0:2, 0:8], right[0:2, 0:8])
            T.writes(total[0:2, 0:2])
            for j, i, k in T.grid(2, 2, 8):
                with T.sblock("product"):
                    vj, vi, vk = T.axis.remap("SSR", [j, i, k])
                    total[vj, vi] = total[vj, vi] + product(operation, left[vi, vk], right[vj, vk])
    # fmt: on

    return meaning


def _instruction(operation: Operation, columns: Scope) -> Any:
    """A call of the device function around the instruction."""
    function = _function(operation)

    # fmt: off
    @T.prim_func(s_tir=True)
    def instruction(a: T.handle, b: T.handle, c: T.handle) -> None:
        left = T.match_buffer(a, (2, 8), "int32", offset_factor=2, scope="shared")
        right = T.match_buffer(b, (2, 8), "int32", offset_factor=16, scope=columns)
        total = T.match_buffer(c, (2, 2), "int32", offset_factor=4, scope="local")
        with T.sblock("root"):
            T.reads(total[0:2, 0:2], left[0:2, 0:8], right[0:2, 0:8])
            T.writes(total[0:2, 0:2])
            T.evaluate(
                T.call_extern(
                    "int32", function, total.access_ptr("rw"), left.access_ptr("r"), right.access_ptr("r")
                )
            )
    # fmt: on

    return instruction


def _function(operation: Operation) -> str:
    return f"tvm_bnn_mma_{operation}"


for _operation, _shape in _SHAPES.items():
    add_cuda_helper(_function(_operation), _SOURCE.replace("%SHAPE%", _shape).replace("@", _operation))
