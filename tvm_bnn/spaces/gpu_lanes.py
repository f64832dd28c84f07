"""The loops of lowerings by lanes on a GPU: a thread holds a vector of output channels for a few pixels.

Before::

    for n, h, w, block, vector, lane:          acc = 0
        for kh, kw, ..., j:                    acc += term
    for n, h, w, c:                            value = epilogue(acc)
    for n, h, w, word:                         signs = value >= threshold

After, for a tile of (rows, columns, pixels)::

    blockIdx.x for (n, h / rows, w / columns / pixels); blockIdx.y for (block, vector):
        threadIdx for rows, columns:
            acc[pixels, lanes] = 0                              registers
            for kh, kw, ..., j:
                unrolled pixels, lanes:  acc += term
            value[pixels, lanes], signs[pixels]

All threads of a block read the same weights at a time, which is one access for a warp; signs are packed by the thread
that has the channels of a word. Where vectors have unlike numbers of channels, the sums go to memory instead, and
``value`` is a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.spaces import gpu_stages, portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.map_tiles import map_size

_MOST_THREADS, _FEWEST_THREADS = 256, 32
_MOST_PIXELS = 2
"""Of 32 channels each. With four the compiler spilled registers."""


class GpuLanes(Space):
    """For ``popcount-threads`` and ``multiply-threads``."""

    name = "gpu-lanes"
    version = 1
    root_block = "acc_update"

    def variants(self, setting: Setting) -> list[Variant]:
        """One."""
        return [{}]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Blocks of at least a warp that are not larger than the map and ragged at its right end only, between threads.

        Where a thread had pixels beyond the map beside others, or rows were ragged too, the compiler spilled registers.
        """
        rows, columns = map_size(setting)
        found: list[Tile] = [
            (y, x, pixels)
            for y in (1, 2, 4, 8, 16)
            for x in (4, 8, 16, 32, 64, 128)
            for pixels in (1, _MOST_PIXELS)
            if columns % pixels == 0
            and _FEWEST_THREADS <= x * y <= _MOST_THREADS
            and rows % y == 0
            and x * pixels < 2 * columns
        ]
        return found or [(1, _FEWEST_THREADS, 1)]

    def default(self, setting: Setting) -> Point:
        """As few idle threads as can be, then blocks of 64 threads, two pixels each."""
        rows, columns = map_size(setting)

        def badness(tile: Tile) -> tuple[float, ...]:
            y, x, pixels = tile
            covered = -(-rows // y) * y * -(-columns // (x * pixels)) * x * pixels
            return (round(4 * covered / (rows * columns)), abs(x * y - 64), abs(pixels - 2))

        return Point(min(self.tiles(setting), key=badness), {})

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, bind, bring the epilogue beside the sums."""
        y, x, pixels = tile
        acc, value = schedule.get_sblock("acc"), schedule.get_sblock("value")
        if portable.has_stage(schedule, "pad"):
            schedule.compute_inline(schedule.get_sblock("pad"))
        n, h, w, block, vector, lane, *reduction = schedule.get_loops(acc)
        h, rows = schedule.split(h, [None, y], preserve_unit_iters=True)
        w, columns, pixel = schedule.split(w, [None, x, pixels], preserve_unit_iters=True)
        schedule.reorder(n, h, w, block, vector, rows, columns, *reduction, pixel, lane)
        tiles = schedule.fuse(n, h, w, preserve_unit_iters=True)
        vectors = schedule.fuse(block, vector, preserve_unit_iters=True)
        schedule.bind(tiles, "blockIdx.x")
        schedule.bind(vectors, "blockIdx.y")
        schedule.bind(rows, "threadIdx.y")
        schedule.bind(columns, "threadIdx.x")
        done = ["pad"]
        if _finishes_alike(schedule, setting, acc):
            done = fuse_epilogue(schedule, setting, columns)
            _join_channels(schedule, acc)
            schedule.set_scope(acc, 0, "local")
            unroll_inner(schedule, value, 2)
        schedule.unroll(pixel)
        schedule.unroll(lane)
        init = schedule.decompose_reduction(acc, reduction[0])
        unroll_inner(schedule, init, 2)
        gpu_stages.arrange_stages(schedule, lambda name: not name.startswith("acc") and name not in done)


def _finishes_alike(schedule: Any, setting: Setting, acc: Any) -> bool:
    """Whether every vector has the same number of channels; else a thread would finish what is another's."""
    assert isinstance(setting.operator, AccumulatingOperator)
    *_, blocks, vectors, lanes = map(int, schedule.get(acc).writes[0].source.shape)
    return blocks * vectors == 1 or setting.operator.accumulator_shape()[-1] == blocks * vectors * lanes


def _join_channels(schedule: Any, acc: Any) -> None:
    """One axis of the sums for blocks, vectors and lanes.

    Of several TVM does not know, where a tile is ragged, that the thread has one vector only; its sums would then lie
    in an array with an index that is data, which is memory.
    """
    *_, vectors, lanes = map(int, schedule.get(acc).writes[0].source.shape)
    schedule.transform_layout(
        acc, ("write", 0), lambda n, h, w, block, vector, lane: (n, h, w, (block * vectors + vector) * lanes + lane)
    )


def fuse_epilogue(schedule: Any, setting: Setting, thread: Any) -> list[str]:
    """Bring ``value`` and what a thread can make of its own part of it under the loop ``thread``; their names."""
    outputs = portable.epilogue_of(setting).outputs
    schedule.reverse_compute_at(schedule.get_sblock("value"), thread, preserve_unit_loops=True)
    fused = [name for name in outputs if name == "byte" or (name == "signs" and portable.whole_words(setting))]
    for name in fused:
        schedule.reverse_compute_at(schedule.get_sblock(name), thread, preserve_unit_loops=True)
    if len(fused) == len(outputs):
        schedule.set_scope(schedule.get_sblock("value"), 0, "local")
    return ["value", "pad", *fused]


def unroll_inner(schedule: Any, block: Any, count: int) -> None:
    """Unroll the innermost loops around a stage."""
    for loop in schedule.get_loops(block)[-count:]:
        schedule.unroll(loop)
