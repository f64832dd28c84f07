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

What a pixel needs for itself is only ever kept for one tile, so no map of pixels by anchors exists. In the lowerings
in bytes distances and weights are vectors of bytes. A step of the sums of ``attention-dot`` and ``attention-quads`` is
an instruction of four anchors; a vector of the sums of ``attention-bytes`` takes two registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from tvm_bnn.lowering import attention_bytes, attention_dot, attention_quads, vnni
from tvm_bnn.lowering.dot_lanes import LANES
from tvm_bnn.lowering.neon_dot import UNSIGNED_QUADS
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
        return [(c, v) for c in columns for v in vectors if self._fits(registers, c, v) or (c, v) == (1, vectors[0])]

    def default(self, setting: Setting) -> Point:
        """The most products a load, with enough registers left for operands."""
        registers = int(setting.target.peak("vector_registers"))

        def merit(tile: Tile) -> tuple[float, ...]:
            columns, vectors = tile
            roomy = self._leaves_room(registers, columns, vectors)
            return (roomy, columns * vectors / (columns + vectors), columns)

        return Point(max(self.tiles(setting), key=merit), {})

    def _fits(self, registers: int, columns: int, vectors: int) -> bool:
        """Whether a tile may be sampled."""
        return columns * vectors <= registers * 3 // 4

    def _leaves_room(self, registers: int, columns: int, vectors: int) -> bool:
        """Whether a tile surely leaves registers for operands."""
        return columns * vectors <= registers // 2

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
        _reduce_vectors(schedule, "least_lane")

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
        _tensorize_sums(schedule, acc, vnni.intrinsic())

    def _lanes(self, setting: Setting) -> int:
        return LANES

    def _vectors(self, setting: Setting) -> int:
        return attention_dot.channel_vectors(_attention(setting))


class AttentionByteLoops(AttentionLoops):
    """For ``attention-bytes``."""

    name = "attention-bytes"
    version = 1
    by_pixel = ("reciprocal", "total", "total_lane", "weight", "least", "least_lane", "distance")

    def _fits(self, registers: int, columns: int, vectors: int) -> bool:
        """Two registers of sums a vector, two of its values, a few of weights."""
        return 2 * (columns + 1) * vectors + 2 <= registers

    def _leaves_room(self, registers: int, columns: int, vectors: int) -> bool:
        return self._fits(registers, columns, vectors)

    def _arrange_weights(self, schedule: Any, setting: Setting) -> None:
        """Both in vectors of bytes, and so what is taken of all of them."""
        for name in ("distance", "weight"):
            anchors = schedule.get_loops(schedule.get_sblock(name))[-1]
            schedule.vectorize(schedule.split(anchors, [None, attention_bytes.LANES], preserve_unit_iters=True)[1])
        for name in ("least_lane", "total_lane"):
            _reduce_vectors(schedule, name)

    def _arrange_sums(self, schedule: Any, acc: Any) -> None:
        *_, column, vector, half, lane, anchor = schedule.get_loops(acc)
        schedule.reorder(anchor, column, vector, half, lane)
        schedule.set_scope(acc, 0, "local")
        for loop in (column, vector, half):
            schedule.unroll(loop)
        schedule.vectorize(lane)
        schedule.decompose_reduction(acc, anchor)

    def _lanes(self, setting: Setting) -> int:
        return attention_bytes.LANES

    def _vectors(self, setting: Setting) -> int:
        return attention_bytes.channel_vectors(_attention(setting))


class AttentionQuadLoops(AttentionByteLoops):
    """For ``attention-quads``."""

    name = "attention-quads"
    root_block = "acc_update_o"

    def _fits(self, registers: int, columns: int, vectors: int) -> bool:
        """A register of sums a vector, one of its values, a few of weights."""
        return (columns + 1) * vectors + 2 <= registers

    def _arrange_sums(self, schedule: Any, acc: Any) -> None:
        _tensorize_sums(schedule, acc, UNSIGNED_QUADS.intrinsic)

    def _lanes(self, setting: Setting) -> int:
        return attention_quads.LANES

    def _vectors(self, setting: Setting) -> int:
        return attention_quads.channel_vectors(_attention(setting))


def _tensorize_sums(schedule: Any, acc: Any, intrinsic: str) -> None:
    """Sums in registers, added to by an instruction over the lanes and a few anchors."""
    *_, column, vector, lane, quad, i = schedule.get_loops(acc)
    schedule.reorder(quad, column, vector, lane, i)
    schedule.set_scope(acc, 0, "local")
    schedule.unroll(column)
    schedule.unroll(vector)
    init = schedule.decompose_reduction(acc, quad)
    schedule.vectorize(schedule.get_loops(init)[-1])
    schedule.tensorize(lane, intrinsic)


def _reduce_vectors(schedule: Any, name: str) -> None:
    """Take vectors of a stage whose elements are its lanes one after the other."""
    block = schedule.get_sblock(name)
    *_, lane, vector = schedule.get_loops(block)
    schedule.reorder(vector, lane)
    schedule.vectorize(lane)
    schedule.decompose_reduction(block, vector)


def _attention(setting: Setting) -> PooledAttention:
    return cast(PooledAttention, setting.operator)


def _divisors(size: int, limit: int) -> list[int]:
    return [d for d in range(1, min(size, limit) + 1) if size % d == 0]
