"""The loops of attention over anchors: a few pixels of a row at a time, from their distances to their outputs.

Before: one loop nest a stage, each over all pixels. After, for a tile (columns, vectors)::

    keys and values laid out anew, once
    parallel for (n, h):
        for w / columns:
            distance[columns, S], least_lane, least, weight[columns, S], total, reciprocal[columns]
            for vector / vectors:
                acc[columns, vectors, lanes] = 0                   registers
                for s:
                    unrolled columns, vectors; vectorised lane:  acc += weight * values
                vectorised value[columns, vectors * lanes]
            signs[columns, words], byte[columns, C]

What a pixel needs for itself is only ever kept for one tile, so no map of pixels by anchors exists. For
``attention-dot`` distances and weights are vectors of bytes, and a step of the sums is an instruction of four anchors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from tvm_bnn.lowering import attention_dot, vnni
from tvm_bnn.lowering.dot_lanes import LANES
from tvm_bnn.lowering.pooled_attention import value_lanes, value_vectors
from tvm_bnn.ops.attention import PooledAttention
from tvm_bnn.spaces import portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant

_MOST_COLUMNS = 16
_MOST_VECTORS = 8


class AttentionLoops(Space):
    """For ``pooled-attention``."""

    name = "attention"
    version = 2
    root_block = "acc_update"
    by_pixel: ClassVar[tuple[str, ...]] = ("reciprocal", "total", "weight", "least", "least_lane", "distance")
    """Stages between query and sums, consumers first."""

    def variants(self, setting: Setting) -> list[Variant]:
        """One."""
        return [{}]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Divisors of a row by divisors of the vectors of a pixel, whose sums fit the registers."""
        registers = int(setting.target.peak("vector_registers"))
        columns = _divisors(_attention(setting).width, _MOST_COLUMNS)
        vectors = self._vector_extents(setting)
        return [(c, v) for c in columns for v in vectors if c * v <= registers * 3 // 4 or (c, v) == (1, vectors[0])]

    def default(self, setting: Setting) -> Point:
        """The most products a load, with half of the registers left for operands."""
        registers = int(setting.target.peak("vector_registers"))

        def merit(tile: Tile) -> tuple[float, ...]:
            columns, vectors = tile
            return (columns * vectors <= registers // 2, columns * vectors / (columns + vectors), columns)

        return Point(max(self.tiles(setting), key=merit), {})

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile the value that is written, bring what it needs and what reads it beside it, unroll."""
        columns, vectors = tile
        value, acc = schedule.get_sblock("value"), schedule.get_sblock("acc")
        n, h, w, c = schedule.get_loops(value)
        tiles, w = schedule.split(w, [None, columns], preserve_unit_iters=True)
        blocks, c = schedule.split(c, self._channel_split(setting, vectors), preserve_unit_iters=True)
        schedule.reorder(n, h, tiles, blocks, w, c)
        rows = schedule.fuse(n, h, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(rows)
        portable.vectorize_channels(schedule, value, setting.target.lanes, None if self._whole_vectors(setting) else c)
        schedule.compute_at(acc, blocks, preserve_unit_loops=True)
        for name in self.by_pixel:
            schedule.compute_at(schedule.get_sblock(name), tiles, preserve_unit_loops=True)
        fused = self._fuse_outputs(schedule, setting, tiles)
        self._arrange_weights(schedule, setting)
        self._arrange_sums(schedule, acc)
        portable.arrange_stages(
            schedule,
            setting.target.lanes,
            setting.threads,
            lambda name: name not in fused and name != "value" and not name.startswith("acc"),
        )

    def _fuse_outputs(self, schedule: Any, setting: Setting, tiles: Any) -> Sequence[str]:
        """Bring outputs that are pixel by pixel under the tile they come from; their names."""
        outputs = portable.epilogue_of(setting).outputs
        fused = [name for name in outputs if name == "byte" or (name == "signs" and portable.whole_words(setting))]
        for name in fused:
            output = schedule.get_sblock(name)
            schedule.reverse_compute_at(output, tiles, preserve_unit_loops=True)
            if name == "byte" and self._whole_vectors(setting):
                portable.vectorize_channels(schedule, output, setting.target.lanes)
        return fused

    def _arrange_weights(self, schedule: Any, setting: Setting) -> None:
        """Anchors in vectors, up to the least of every lane."""
        portable.vectorize_channels(schedule, schedule.get_sblock("distance"), setting.target.lanes)
        least = schedule.get_sblock("least_lane")
        *_, lane, vector = schedule.get_loops(least)
        schedule.reorder(vector, lane)
        schedule.vectorize(lane)
        schedule.decompose_reduction(least, vector)

    def _arrange_sums(self, schedule: Any, acc: Any) -> None:
        """Sums in registers while all anchors pass."""
        *_, column, vector, lane, anchor = schedule.get_loops(acc)
        schedule.reorder(anchor, column, vector, lane)
        schedule.set_scope(acc, 0, "local")
        schedule.unroll(column)
        schedule.unroll(vector)
        schedule.vectorize(lane)
        schedule.decompose_reduction(acc, anchor)

    def _lanes(self, setting: Setting) -> int:
        """Channels in a vector of sums."""
        return value_lanes(_attention(setting), setting.target)

    def _vectors(self, setting: Setting) -> int:
        """Vectors of sums of a pixel."""
        return value_vectors(_attention(setting), setting.target)

    def _whole_vectors(self, setting: Setting) -> bool:
        """Whether the channels of a pixel fill vectors without rest."""
        return _attention(setting).value_channels % self._lanes(setting) == 0

    def _vector_extents(self, setting: Setting) -> list[int]:
        """How many vectors of a pixel a tile may hold: where the last is not full, all of them."""
        vectors = self._vectors(setting)
        return _divisors(vectors, _MOST_VECTORS) if self._whole_vectors(setting) else [vectors]

    def _channel_split(self, setting: Setting, vectors: Any) -> list[Any]:
        """Factors that split the channels into tiles of so many vectors."""
        if not self._whole_vectors(setting):
            return [1, None]
        return [None, vectors * self._lanes(setting)]


class AttentionDotLoops(AttentionLoops):
    """For ``attention-dot``."""

    name = "attention-dot"
    version = 1
    root_block = "acc_update_o"
    by_pixel = ("reciprocal", "total", "weight", "least", "distance")

    def _arrange_weights(self, schedule: Any, setting: Setting) -> None:
        """Both in vectors of bytes."""
        for name in ("distance", "weight"):
            anchors = schedule.get_loops(schedule.get_sblock(name))[-1]
            schedule.vectorize(schedule.split(anchors, [None, attention_dot.BYTES], preserve_unit_iters=True)[1])

    def _arrange_sums(self, schedule: Any, acc: Any) -> None:
        *_, column, vector, lane, quad, i = schedule.get_loops(acc)
        schedule.reorder(quad, column, vector, lane, i)
        schedule.set_scope(acc, 0, "local")
        schedule.unroll(column)
        schedule.unroll(vector)
        init = schedule.decompose_reduction(acc, quad)
        schedule.vectorize(schedule.get_loops(init)[-1])
        schedule.tensorize(lane, vnni.NAME)

    def _lanes(self, setting: Setting) -> int:
        return LANES

    def _vectors(self, setting: Setting) -> int:
        return attention_dot.channel_vectors(_attention(setting))


def _attention(setting: Setting) -> PooledAttention:
    return cast(PooledAttention, setting.operator)


def _divisors(size: int, limit: int) -> list[int]:
    return [d for d in range(1, min(size, limit) + 1) if size % d == 0]
