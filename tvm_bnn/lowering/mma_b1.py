"""The tensor core instruction for single bits as a tensor intrinsic: what one thread of a warp sees of it.

``mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.xor.popc`` multiplies 16 rows by 8 columns of 256 bits; there is
another one with ``and``. On ``sm_90`` the assembler replaces the first by a subroutine around the second. By the
fragments of the PTX ISA, thread t of the group g of four holds of the result the rows g and g + 8 at the columns 2 t
and 2 t + 1: to the thread it is the tensor expression ::

    c[j, i] += sum over k < 8 of popcount(a[i, k] ^ b[j, k])         or a[i, k] & b[j, k]

with two rows a, two columns b of 8 words. The thread loads other words than these: of the rows words t and t + 4, of
the column g the same. Words of rows and columns may be permuted alike, so it takes words 2 t and 2 t + 1, which are one
access of 64 bits.
"""

from __future__ import annotations

from typing import Any, Literal

from tvm_bnn._tvm import T, add_cuda_helper, register_intrinsic
from tvm_bnn.targets import Target

Operation = Literal["xor", "and"]

ROWS, COLUMNS, WORDS = 16, 8, 8
"""Of the instruction: rows, columns, and words of 32 bits of each."""

THREADS, GROUPS = 4, 8
"""A warp: ``threadIdx.x`` in a group, ``threadIdx.y`` of groups."""

_SOURCE = r"""
#ifndef TVM_BNN_EMULATED
static __device__ __forceinline__ void tvm_bnn_mma_b1_@_fragments(
    int* c, int a0, int a1, int a2, int a3, int b0, int b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.@.popc "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[2]), "+r"(c[1]), "+r"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
#endif
/* c: 2 columns by 2 rows; a: rows g and g + 8, 8 words each; b: column 2 t of 8 columns of 8 words each. */
static __device__ __forceinline__ void tvm_bnn_mma_b1_@(int* c, const int* a, const int* b) {
  int t = threadIdx.x, g = threadIdx.y;
  int2 above = *reinterpret_cast<const int2*>(a + 2 * t);
  int2 below = *reinterpret_cast<const int2*>(a + 8 + 2 * t);
  int2 column = *reinterpret_cast<const int2*>(b + (g - 2 * t) * 8 + 2 * t);
  tvm_bnn_mma_b1_@_fragments(c, above.x, below.x, above.y, below.y, column.x, column.y);
}
"""


def intrinsic(operation: Operation) -> str:
    """The name of the intrinsic."""
    return f"tvm_bnn.mma_b1_{operation}"


def native(target: Target) -> Operation:
    """What the target's tensor cores do by themselves between two words."""
    assert target.cuda is not None
    return "xor" if target.cuda.number < 90 else "and"


def _met(operation: Operation, left: Any, right: Any) -> Any:
    return left ^ right if operation == "xor" else left & right


def _meaning(operation: Operation) -> Any:
    """What a thread sees, as plain loops."""

    # fmt: off
    @T.prim_func(s_tir=True)
    def meaning(a: T.handle, b: T.handle, c: T.handle) -> None:
        left = T.match_buffer(a, (2, 8), "int32", offset_factor=2, scope="shared")
        right = T.match_buffer(b, (2, 8), "int32", offset_factor=16)
        total = T.match_buffer(c, (2, 2), "int32", offset_factor=4, scope="local")
        with T.sblock("root"):
            T.reads(total[0:2, 0:2], left[0:2, 0:8], right[0:2, 0:8])
            T.writes(total[0:2, 0:2])
            for j, i, k in T.grid(2, 2, 8):
                with T.sblock("product"):
                    vj, vi, vk = T.axis.remap("SSR", [j, i, k])
                    total[vj, vi] = total[vj, vi] + T.popcount(_met(operation, left[vi, vk], right[vj, vk]))
    # fmt: on

    return meaning


def _instruction(operation: Operation) -> Any:
    """A call of the device function around the instruction."""
    function = _function(operation)

    # fmt: off
    @T.prim_func(s_tir=True)
    def instruction(a: T.handle, b: T.handle, c: T.handle) -> None:
        left = T.match_buffer(a, (2, 8), "int32", offset_factor=2, scope="shared")
        right = T.match_buffer(b, (2, 8), "int32", offset_factor=16)
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
    return f"tvm_bnn_mma_b1_{operation}"


def _register(operation: Operation) -> None:
    register_intrinsic(intrinsic(operation), _meaning(operation), _instruction(operation))
    add_cuda_helper(_function(operation), _SOURCE.replace("@", operation))


_register("xor")
_register("and")
