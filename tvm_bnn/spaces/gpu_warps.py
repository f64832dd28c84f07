"""What the spaces of tensor cores share: stages that all threads of a block fill, values finished by their threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn._tvm import viewed_parameter
from tvm_bnn.lowering import mma
from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.spaces import portable
from tvm_bnn.spaces.base import Setting
from tvm_bnn.spaces.gpu_lanes import unroll_inner

MOST_WARPS = 8

SHARED_STRIDE = 24
"""Words between neighbouring columns of a patch, 16 of which are used: a quarter warp then meets all 32 banks."""

APART = (32, SHARED_STRIDE)
"""The same as TVM is told: so many words beyond a multiple of the banks."""

_STATIC_SHARED = 48 * 1024
"""Bytes of shared memory that a kernel may have without asking for more."""

AXES = ("threadIdx.z", "threadIdx.y", "threadIdx.x")


def shared_room(setting: Setting) -> int:
    """Bytes of shared memory that a kernel may fill."""
    return min(int(setting.target.peak("shared_bytes_per_block")), _STATIC_SHARED)


def patch_bytes(height: int, across: int, depth: int) -> int:
    """Of ``depth`` steps of a patch of ``height`` pairs of rows by ``across`` groups of columns in shared memory."""
    return 4 * depth * height * across * mma.GROUPS * SHARED_STRIDE


def bind_threads(schedule: Any, loops: Sequence[Any]) -> None:
    """The loops become the threads of a block, x last."""
    for loop, axis in zip(loops, AXES, strict=True):
        schedule.bind(loop, axis)


def stage(schedule: Any, block: Any, loop: Any, warps: Any) -> None:
    """Let all threads of a block of so many warps fill what they share under ``loop``."""
    # Only of shared memory TVM knows that it must hold what all threads read.
    schedule.set_scope(block, 0, "shared")
    schedule.compute_at(block, loop, preserve_unit_loops=True)
    elements = schedule.fuse(*schedule.get_loops(block)[-len(schedule.get(block).iter_vars) :])
    _, *bound = schedule.split(elements, [None, warps, mma.GROUPS, mma.THREADS], preserve_unit_iters=True)
    bind_threads(schedule, bound)


def stage_patch(schedule: Any, block: Any, loop: Any, warps: Any) -> None:
    """The same for rows of products [N, steps, H / 2, W, 2, 8]."""
    stage(schedule, block, loop, warps)
    schedule.storage_align(block, 0, 3, *APART)


def finish(schedule: Any, setting: Setting, loop: Any) -> list[str]:
    """Bring values, and what is made of them one by one, under a loop of the thread that has the sums; their names."""
    outputs = portable.epilogue_of(setting).outputs
    value = schedule.get_sblock("value")
    fused = [name for name in outputs if name in ("byte", "signs")]
    for name in ("value", *fused):
        block = schedule.get_sblock(name)
        schedule.reverse_compute_at(block, loop, preserve_unit_loops=True)
        # An index that the compiler does not know would move the sums out of the registers.
        *pixel, channel = schedule.get_loops(block)[-_rank(setting) :]
        schedule.reorder(channel, *pixel)
        unroll_inner(schedule, block, _rank(setting))
    if len(fused) == len(outputs):
        schedule.set_scope(value, 0, "local")
    return ["value", *fused]


def with_sign_words(function: Any, setting: Setting) -> Any:
    """The function with the words of signs in place of their bytes."""
    words = [spec for spec in setting.operator.outputs() if spec.name == "signs"]
    return viewed_parameter(function, "signs", words[0].shape, words[0].dtype) if words else function


def _rank(setting: Setting) -> int:
    """Axes of the map of values."""
    assert isinstance(setting.operator, AccumulatingOperator)
    return len(setting.operator.accumulator_shape())
