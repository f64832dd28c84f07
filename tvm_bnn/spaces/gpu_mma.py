"""The loops of binary products on tensor cores.

Before::

    for n, s, h, w, i, k:                      patch = words of the window
    for n, h, w, c, i, s, k:                   acc += product(patch, weight)
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

from tvm_bnn._tvm import joined_parameters
from tvm_bnn.lowering import binary_mma, mma, mma_conv
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT
from tvm_bnn.spaces import gpu_stages, gpu_warps
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.gpu_lanes import unroll_inner
from tvm_bnn.spaces.map_tiles import convolution_of


class GpuMma(Space):
    """For the lowering of convolutions that it is given."""

    name = "gpu-mma"
    version = 1
    root_block = "acc_update_o"

    def __init__(self, lowering: mma_conv.MmaConv2d) -> None:
        self._lowering = lowering

    def variants(self, setting: Setting) -> list[Variant]:
        """One."""
        return [{}]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles that divide the map, for an instruction has no ragged end, and whose patches fit the shared memory."""
        conv = convolution_of(setting)
        (rows, columns), blocks = mma_conv.padded_size(*conv.output_size), conv.out_channels // CHANNEL_ALIGNMENT
        room, steps = gpu_warps.shared_room(setting), self._lowering.steps(conv)
        return [
            (height, across, along, depth)
            for height in (1, 2, 3)
            for across in range(1, gpu_warps.MOST_WARPS + 1)
            for along in (1, 2, 4)
            for depth in (1, 2, 3, 4, 6, 9)
            if rows % height == 0
            and columns // mma.GROUPS % across == 0
            and blocks % along == 0
            and across * along <= gpu_warps.MOST_WARPS
            and steps % depth == 0
            and gpu_warps.patch_bytes(height, across, depth) <= room
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
        w, wide, group = schedule.split(w, [None, across, mma.GROUPS], preserve_unit_iters=True)
        parts = [None, along, mma.THREADS, mma_conv.TILES, 2]
        o, long, t, part, j = schedule.split(c, parts, preserve_unit_iters=True)
        s, deep = schedule.split(s, [None, depth], preserve_unit_iters=True)
        schedule.reorder(n, h, w, o, wide, long, group, t, s, deep, pairs, part, j, i, k)
        blocks = schedule.fuse(n, h, w, o, preserve_unit_iters=True)
        schedule.bind(blocks, "blockIdx.x")
        warps = schedule.fuse(wide, long, preserve_unit_iters=True)
        gpu_warps.bind_threads(schedule, (warps, group, t))
        done = ["patch", *gpu_warps.finish(schedule, setting, t)]
        schedule.set_scope(acc, 0, "local")
        gpu_warps.stage_patch(schedule, patch, s, across * along)
        for loop in (deep, pairs, part):
            schedule.unroll(loop)
        init = schedule.decompose_reduction(acc, s)
        unroll_inner(schedule, init, 4)
        operation = self._lowering.operation(convolution_of(setting), setting.target)
        schedule.tensorize(j, mma.intrinsic(operation))
        gpu_stages.arrange_stages(schedule, lambda name: not name.startswith("acc") and name not in done)

    def scheduled(self, function: Any, setting: Setting, point: Point) -> Any:
        """As any, with the words of signs in place of their bytes, and the counts of ones inside."""
        arranged = super().scheduled(function, setting, point)
        if any(str(parameter.name) == binary_mma.ONES for parameter in arranged.params):
            arranged = joined_parameters(arranged, binary_mma.ONES, binary_mma.COUNTED)
        return gpu_warps.with_sign_words(arranged, setting)
