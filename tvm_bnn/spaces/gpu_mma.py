"""The loops of binary products on tensor cores.

Before::

    for n, s, h, w, i, k:                      patch = words under the window
    for n, h, w, c, i, s, k:                   acc += popcount(patch ^ weight)
    for n, y, x, c:                            value = epilogue(acc)
    for n, y, x, octet:                        signs = value >= threshold

After, for a tile of (height, across, along, depth): ``across`` x ``along`` warps, each with ``height`` pairs of rows by
8 columns and with 64 channels::

    blockIdx.x for (n, h / height, w / across / 8, o / along):
        threadIdx.z for across, along; threadIdx.y for 8 columns; threadIdx.x for t of 4:
            acc[height, 8, 2, 2] = 0                                       registers
            for s / depth:
                patch[depth, height, 8 across, 2, 8]                       shared memory, filled by all threads
                unrolled depth, height, 8:  one instruction
            value[16 channels, pixels], signs

The 16 channels of a thread are neighbours. They come outermost in the epilogue, so that no parameter has to wait in a
register for the next pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn._tvm import joined_parameters, viewed_parameter
from tvm_bnn.lowering import binary_mma, mma_b1
from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT
from tvm_bnn.spaces import gpu_stages, portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.gpu_lanes import unroll_inner
from tvm_bnn.spaces.map_tiles import convolution_of

_MOST_WARPS = 8

_SHARED_STRIDE = 24
"""Words between neighbouring columns of a patch, 16 of which are used: a quarter warp then meets all 32 banks."""

_BANKS = 32

_STATIC_SHARED = 48 * 1024
"""Bytes of shared memory that a kernel may have without asking for more."""


class GpuMma(Space):
    """For ``binary-mma``."""

    name = "gpu-mma"
    version = 1
    root_block = "acc_update_o"

    def variants(self, setting: Setting) -> list[Variant]:
        """One."""
        return [{}]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles that divide the map, for an instruction has no ragged end, and whose patches fit the shared memory."""
        conv = convolution_of(setting)
        (rows, columns), blocks = binary_mma.padded_size(conv), conv.out_channels // CHANNEL_ALIGNMENT
        room = int(setting.target.peak("shared_bytes_per_block"))
        return [
            (height, across, along, depth)
            for height in (1, 2, 3)
            for across in range(1, _MOST_WARPS + 1)
            for along in (1, 2, 4)
            for depth in (1, 2, 3, 4, 6, 9)
            if rows % height == 0
            and columns // mma_b1.GROUPS % across == 0
            and blocks % along == 0
            and across * along <= _MOST_WARPS
            and binary_mma.steps(conv) % depth == 0
            and _patch_bytes(height, across, depth) <= min(room, _STATIC_SHARED)
        ]

    def default(self, setting: Setting) -> Point:
        """About four warps that share what they load, two pairs of rows each."""

        def badness(tile: Tile) -> tuple[float, ...]:
            height, across, along, depth = tile
            return (abs(across * along - 4), abs(height - 2), abs(depth - 3), along)

        return Point(min(self.tiles(setting), key=badness), {})

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, bind, stage patches, put the instruction in, finish in the threads."""
        height, across, along, depth = tile
        acc, patch = schedule.get_sblock("acc"), schedule.get_sblock("patch")
        n, h, w, c, i, s, k = schedule.get_loops(acc)
        h, pairs = schedule.split(h, [None, height], preserve_unit_iters=True)
        w, wide, group = schedule.split(w, [None, across, mma_b1.GROUPS], preserve_unit_iters=True)
        parts = [None, along, mma_b1.THREADS, binary_mma.TILES, 2]
        o, long, t, part, j = schedule.split(c, parts, preserve_unit_iters=True)
        s, deep = schedule.split(s, [None, depth], preserve_unit_iters=True)
        schedule.reorder(n, h, w, o, wide, long, group, t, s, deep, pairs, part, j, i, k)
        blocks = schedule.fuse(n, h, w, o, preserve_unit_iters=True)
        warps = schedule.fuse(wide, long, preserve_unit_iters=True)
        for loop, thread in (
            (blocks, "blockIdx.x"),
            (warps, "threadIdx.z"),
            (group, "threadIdx.y"),
            (t, "threadIdx.x"),
        ):
            schedule.bind(loop, thread)
        done = self._finish(schedule, setting, t)
        schedule.set_scope(acc, 0, "local")
        self._stage(schedule, patch, s, (across * along, mma_b1.GROUPS, mma_b1.THREADS))
        schedule.storage_align(patch, 0, 3, _BANKS, _SHARED_STRIDE)
        for loop in (deep, pairs, part):
            schedule.unroll(loop)
        init = schedule.decompose_reduction(acc, s)
        unroll_inner(schedule, init, 4)
        operation = binary_mma.operation_of(convolution_of(setting), setting.target)
        schedule.tensorize(j, mma_b1.intrinsic(operation))
        gpu_stages.arrange_stages(schedule, lambda name: not name.startswith("acc") and name not in done)

    def scheduled(self, function: Any, setting: Setting, point: Point) -> Any:
        """As any, with the words of signs in place of their bytes, and the counts of ones inside."""
        arranged = super().scheduled(function, setting, point)
        if any(str(parameter.name) == binary_mma.ONES for parameter in arranged.params):
            arranged = joined_parameters(arranged, binary_mma.ONES, binary_mma.COUNTED)
        words = [spec for spec in setting.operator.outputs() if spec.name == "signs"]
        return viewed_parameter(arranged, "signs", words[0].shape, words[0].dtype) if words else arranged

    def _finish(self, schedule: Any, setting: Setting, thread: Any) -> list[str]:
        """Bring values, and what is made of them one by one, into the thread that has the sums; their names."""
        outputs = portable.epilogue_of(setting).outputs
        value = schedule.get_sblock("value")
        fused = [name for name in outputs if name in ("byte", "signs")]
        for name in ("value", *fused):
            block = schedule.get_sblock(name)
            schedule.reverse_compute_at(block, thread, preserve_unit_loops=True)
            # An index that the compiler does not know would move the sums out of the registers.
            *pixel, channel = schedule.get_loops(block)[-_rank(setting) :]
            schedule.reorder(channel, *pixel)
            unroll_inner(schedule, block, _rank(setting))
        if len(fused) == len(outputs):
            schedule.set_scope(value, 0, "local")
        return ["value", "patch", *fused]

    def _stage(self, schedule: Any, block: Any, loop: Any, threads: tuple[Any, int, int]) -> None:
        """Let all threads of a block fill what they share under ``loop``."""
        # Only of shared memory TVM knows that it must hold what all threads read.
        schedule.set_scope(block, 0, "shared")
        schedule.compute_at(block, loop, preserve_unit_loops=True)
        elements = schedule.fuse(*schedule.get_loops(block)[-len(schedule.get(block).iter_vars) :])
        _, *bound = schedule.split(elements, [None, *threads], preserve_unit_iters=True)
        for inner, axis in zip(bound, "zyx", strict=True):
            schedule.bind(inner, f"threadIdx.{axis}")


def _rank(setting: Setting) -> int:
    """Axes of the map of values."""
    assert isinstance(setting.operator, AccumulatingOperator)
    return len(setting.operator.accumulator_shape())


def _patch_bytes(height: int, across: int, depth: int) -> int:
    """Of a patch in shared memory."""
    return 4 * depth * height * across * mma_b1.GROUPS * _SHARED_STRIDE
