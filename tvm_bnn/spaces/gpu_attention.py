"""The loops of attention on tensor cores.

Before::

    for n, s, h, w, i, k:         queries = words;     for n, s, anchor, k:   keys = words
    for n, h, w, t, m, r, i:      for s, k:            distance += popcount(queries ^ keys)
    for n, h, w, t, i:            for m, r:            least = min(least, distance)
    for n, m, h, w, i, k:         weight = 4 x entries[distance - least]
    for n, h, w, o, t, c, i:      for m, k:            acc += weight * values
    for n, h, w, t, i:            total, reciprocal
    for n, h, w, o, t, c, i:      quotient = acc * reciprocal
    for n, h, w, c, i:            accumulator = quotient
    for n, y, x, c:               value = epilogue(accumulator)

After, for a tile of (height, across): ``across`` warps, each with ``height`` pairs of rows by 8 columns and with all
channels::

    blockIdx.x for (n, h / height, w / across / 8):
        queries, keys, entries, values                               shared memory, filled by all threads
        threadIdx.z for across; threadIdx.y for 8 columns; threadIdx.x for t of 4:
            for height:
                distance[S / 4, 2]                                   registers; an instruction for 8 anchors
                least[2]                                             exchanged by the four threads
                weight[S / 4, 2]                                     shared memory
        the same threads:
            total, reciprocal
            for o:
                acc[height, 8, 2, 2], quotient                       registers; an instruction for 8 channels
                value[16 channels, pixels], signs

The variant says where values are laid out: by every ``block`` for itself, or by a small ``kernel`` of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tvm_bnn._tvm import reads_whole
from tvm_bnn.lowering import attention_mma, mma, mma_conv
from tvm_bnn.lowering.attention_mma import anchor_blocks, key_steps
from tvm_bnn.ops.attention import PooledAttention
from tvm_bnn.spaces import gpu_stages, gpu_warps
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.gpu_lanes import unroll_inner

_PRODUCTS = ("distance", "acc")
_LOCAL = (*_PRODUCTS, "least_lane", "least", "total_lane", "total", "reciprocal", "quotient", "accumulator")


class GpuAttention(Space):
    """For ``attention-mma``."""

    name = "gpu-attention"
    version = 1
    root_block = "acc_update_o"

    def variants(self, setting: Setting) -> list[Variant]:
        """Where values are laid out."""
        return [{"values": "block"}, {"values": "kernel"}]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles that divide the map and fit the shared memory."""
        _, rows, columns = attention_mma.pixels(_attention(setting))
        room = gpu_warps.shared_room(setting)
        return [
            (height, across)
            for height in (1, 2, 3)
            for across in range(1, gpu_warps.MOST_WARPS + 1)
            if rows % height == 0
            and columns // mma.GROUPS % across == 0
            and _shared_bytes(setting, height, across) <= room
        ]

    def default(self, setting: Setting) -> Point:
        """As many warps as share what they have laid out, one pair of rows each."""
        tile = min(self.tiles(setting), key=lambda tile: (tile[0], -tile[1]))
        return Point(tile, self.variants(setting)[0])

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, bind, finish in the threads; then what comes before, last stage first."""
        height, across = tile
        staged = ["keys", "entries", *(["values"] if variant["values"] == "block" else [])]
        for names, scope in ((_LOCAL, "local"), ((*staged, "queries", "weight"), "shared")):
            for name in names:
                schedule.set_scope(schedule.get_sblock(name), 0, scope)
        accumulator, acc = schedule.get_sblock("accumulator"), schedule.get_sblock("acc")
        n, h, w, c, i = schedule.get_loops(accumulator)
        h, pairs = schedule.split(h, [None, height], preserve_unit_iters=True)
        w, wide, group = schedule.split(w, [None, across, mma.GROUPS], preserve_unit_iters=True)
        o, t, channel = schedule.split(c, [None, mma.THREADS, mma_conv.HELD], preserve_unit_iters=True)
        schedule.reorder(n, h, w, wide, group, t, o, pairs, channel, i)
        block = schedule.fuse(n, h, w, preserve_unit_iters=True)
        schedule.bind(block, "blockIdx.x")
        gpu_warps.bind_threads(schedule, (wide, group, t))
        unroll_inner(schedule, accumulator, 3)
        done = gpu_warps.finish(schedule, setting, o)
        quotient = schedule.get_sblock("quotient")
        schedule.compute_at(quotient, o, preserve_unit_loops=True)
        unroll_inner(schedule, quotient, 6)
        for name in ("reciprocal", "total", "total_lane"):
            stage = schedule.get_sblock(name)
            schedule.compute_at(stage, t, preserve_unit_loops=True)
            unroll_inner(schedule, stage, 1)
        schedule.compute_at(acc, o, preserve_unit_loops=True)
        pairs, *unit, channel, i, m, k = schedule.get_loops(acc)[-8:]
        part, j = schedule.split(channel, [None, 2], preserve_unit_iters=True)
        schedule.reorder(m, pairs, *unit, part, j, i, k)
        product = self._weigh(schedule, block, across)
        reads_whole(schedule, schedule.get_sblock("weight"), "entries")
        for name in staged:
            gpu_warps.stage(schedule, schedule.get_sblock(name), block, across)
        gpu_warps.stage_patch(schedule, schedule.get_sblock("queries"), block, across)
        self._multiply(schedule, acc, (m, pairs, part), j, mma.intrinsic("u8", _where(variant)))
        met = mma.intrinsic(attention_mma.operation(setting.target), "shared")
        self._multiply(schedule, schedule.get_sblock("distance"), *product, met)
        inside = (*_LOCAL, *done, *staged, "queries", "weight")
        gpu_stages.arrange_stages(schedule, lambda name: not name.startswith(_PRODUCTS) and name not in inside)

    def scheduled(self, function: Any, setting: Setting, point: Point) -> Any:
        """As any, with the words of signs in place of their bytes."""
        return gpu_warps.with_sign_words(super().scheduled(function, setting, point), setting)

    def _weigh(self, schedule: Any, block: Any, across: Any) -> tuple[tuple[Any, ...], Any]:
        """Distances and weights by the threads of a block, under its loop; the loops of the product of distances."""
        weight = schedule.get_sblock("weight")
        schedule.compute_at(weight, block, preserve_unit_loops=True)
        n, m, h, w, i, k = schedule.get_loops(weight)[-6:]
        w, wide, group = schedule.split(w, [None, across, mma.GROUPS], preserve_unit_iters=True)
        t, u = schedule.split(k, [mma.THREADS, None], preserve_unit_iters=True)
        schedule.reorder(n, w, wide, group, t, h, m, i, u)
        gpu_warps.bind_threads(schedule, (wide, group, t))
        schedule.storage_align(weight, 0, 3, *gpu_warps.APART)
        for loop in (m, i, u):
            schedule.unroll(loop)
        for name in ("least", "least_lane", "distance"):
            schedule.compute_at(schedule.get_sblock(name), h, preserve_unit_loops=True)
        unroll_inner(schedule, schedule.get_sblock("least"), 1)
        unroll_inner(schedule, schedule.get_sblock("least_lane"), 3)
        distance = schedule.get_sblock("distance")
        *_, m, r, i, s, k = schedule.get_loops(distance)
        part, j = schedule.split(r, [None, 2], preserve_unit_iters=True)
        schedule.reorder(s, m, part, j, i, k)
        return (s, m, part), j

    def _multiply(self, schedule: Any, stage: Any, loops: tuple[Any, ...], tile: Any, intrinsic: str) -> None:
        """The instruction for the loops from ``tile`` on; those around it, reduction first, are written out."""
        for loop in loops:
            schedule.unroll(loop)
        init = schedule.decompose_reduction(stage, loops[0])
        unroll_inner(schedule, init, 4)
        schedule.tensorize(tile, intrinsic)


def _attention(setting: Setting) -> PooledAttention:
    return cast(PooledAttention, setting.operator)


def _where(variant: Variant) -> mma.Scope:
    """Memory in which values are laid out."""
    return "shared" if variant["values"] == "block" else "global"


def _shared_bytes(setting: Setting, height: int, across: int) -> int:
    """Of everything that is shared, values included."""
    attention = _attention(setting)
    steps, blocks = key_steps(attention, setting.target), anchor_blocks(attention)
    laid_out = blocks * attention_mma.ANCHORS * (steps * 4 * mma.WORDS + attention.value_channels)
    return gpu_warps.patch_bytes(height, across, steps + blocks) + laid_out + attention.key_channels + 1
