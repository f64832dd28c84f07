"""The loops of sums of bytes in words: words in registers for a chunk of steps, the sums of their bytes behind them.

Before::

    for n, h, word, lane:                                   spread
    for n, h, w, vector, lane, a, b, chunk:                 part = 0
        for kh, run, j:                                     part += counts of four bytes
    for n, h, w, vector, lane:                              acc = 0
        for a, b, chunk:                                    acc += sum of the bytes of part
    value, signs                                            see :mod:`tvm_bnn.spaces.finishing`

After, for a tile of (rows, columns, vectors) and the order ``pixels``::

    parallel for (n, strip of tiles):
      spread, or the padding alone: what the strip sees
      for (h / rows, w / columns, vector / vectors):
        acc[rows, columns, vectors, lanes] = 0
        for (a, b, chunk):
            part[rows, columns, vectors, lanes] = 0         registers
            unrolled kh; for run, j / steps:
                unrolled steps, rows, columns, vectors, halves; vectorised half a lane:  part += counts
            acc += sum of the bytes of part
        value, signs[rows, columns, vectors * lanes]

Where several threads share few rows they share tiles instead, and the map is prepared before them as a whole. The
order ``filters`` puts the vectors outside of the pixels of a strip, so that their weights stay in the cache while all
of them pass.

Sums are not given the scope of registers: TVM would fetch memory for them outside of the function's stack, which the
compiler then has to write although nobody reads it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tvm_bnn._tvm import tirx
from tvm_bnn.lowering.popcount_quads import chunks, lane_count
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, WORD_BITS
from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.map_tiles import convolution_of, cost, map_size, pixel_tiles

_MOST_VECTORS = 8

_MOST_COST = 1.25
"""Tiles are tried up to so many times the estimated cost of the best."""

_STRIP = 8
"""Tiles that lie above each other in a strip, at the most."""

_STRIPS_PER_THREAD = 4

_STEPS = (1, 2)
"""Steps that may be written out: of more the compiler moves so many about that sums leave the registers."""

_FEW_USES, _MANY_USES = 2, 8
"""Spreading a word takes the time of four uses of it, about."""


class Quads(Space):
    """For ``popcount-quads``."""

    name = "quads"
    version = 1
    root_block = "acc_update"

    def variants(self, setting: Setting) -> list[Variant]:
        """Each order, each number of steps to write out, each way to bring a word to all lanes."""
        words = chunks(convolution_of(setting)).inner[2]
        return [
            {"order": order, "steps": steps, "words": way}
            for order in _orders(setting)
            for steps in _STEPS
            if words % steps == 0
            for way in _ways(setting)
        ]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles whose sums fit the vector registers beside what a step needs; imperfect ones too."""
        registers = int(setting.target.peak("vector_registers"))
        smallest = (1, 1, _vector_extents(setting)[0])
        fitting = [
            (r, c, v)
            for r, c in pixel_tiles(setting)
            for v in _vector_extents(setting)
            if 2 * r * c * v + r * c + 3 <= registers or (r, c, v) == smallest
        ]
        least = min(_cost(setting, tile) for tile in fitting)
        return [tile for tile in fitting if _cost(setting, tile) <= _MOST_COST * least]

    def default(self, setting: Setting) -> Point:
        """Of the tiles whose weights stay in the first-level cache while all pixels pass the one of least cost."""
        tile = min(
            self.tiles(setting), key=lambda tile: (_weight_bytes(setting, tile) > _kept(setting), _cost(setting, tile))
        )
        return Point(tile, self.variants(setting)[-1])

    def adapted(self, setting: Setting, point: Point) -> Point:
        """The closest point; with the default's tile where the other one would not divide this map."""
        near, default = self.nearest(setting, point), self.default(setting)
        if _is_ragged(setting, near.tile) and not _is_ragged(setting, default.tile):
            return Point(default.tile, near.variant)
        return near

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, reorder, fuse the epilogue in, bring the counts under their sums and the words to the strip."""
        acc, part = schedule.get_sblock("acc"), schedule.get_sblock("part")
        n, h, w, vector, lane, *pieces = schedule.get_loops(acc)
        (h, rows), (w, columns), (vector, vectors) = (
            schedule.split(loop, [None, extent], preserve_unit_iters=True)
            for loop, extent in zip((h, w, vector), tile, strict=True)
        )
        strip, h = schedule.split(h, [None, _strip(setting)], preserve_unit_iters=True)
        outer = [n, strip, h, w, vector] if variant["order"] == "pixels" else [n, strip, vector, h, w]
        schedule.reorder(*outer, *pieces, rows, columns, vectors, lane)
        shared = 2 if _by_strips(setting) else len(outer)
        tasks = schedule.fuse(*outer[:shared], preserve_unit_iters=True)
        tiles = schedule.fuse(*outer[shared:], preserve_unit_iters=True) if shared < len(outer) else tasks
        if setting.threads > 1:
            schedule.parallel(tasks)
        finishing.fuse_epilogue(schedule, setting, tiles)
        chunk = schedule.fuse(*pieces, preserve_unit_iters=True)
        schedule.compute_at(part, chunk, preserve_unit_loops=True)
        _arrange_words(schedule, setting, str(variant["words"]), tasks)
        _arrange_sums(schedule, acc, chunk, [rows, columns, vectors], lane)
        _arrange_counts(schedule, setting, part, int(variant["steps"]))
        done = {"value", "pad", "spread", *finishing.fused_outputs(setting)}
        portable.arrange_stages(
            schedule,
            setting.target.lanes,
            setting.threads,
            lambda name: not name.startswith(("acc", "part")) and name not in done,
        )


def _arrange_words(schedule: Any, setting: Setting, way: str, tasks: Any) -> None:
    """The words of the map with its padding: repeated over the lanes, or left to be broadcast when they are met.

    Of the loop over a row the ends are parted from the middle, which then needs no comparisons.
    """
    spread, padded = schedule.get_sblock("spread"), portable.has_stage(schedule, "pad")
    if way == "broadcast":
        schedule.compute_inline(spread)
    elif padded:
        schedule.compute_inline(schedule.get_sblock("pad"))
    if way == "broadcast" and not padded:
        return
    stage = schedule.get_sblock("pad") if way == "broadcast" else spread
    if _by_strips(setting):
        schedule.compute_at(stage, tasks, preserve_unit_loops=True)
    elif setting.threads > 1:
        portable.share_rows(schedule, stage)
    word = schedule.get_loops(stage)[-1 if way == "broadcast" else -2]
    schedule.annotate(word, "pragma_loop_partition_hint", tirx.const(1, "int32"))
    if way == "spread":
        schedule.vectorize(schedule.get_loops(stage)[-1])


def _arrange_counts(schedule: Any, setting: Setting, part: Any, steps: int) -> None:
    """A tile of counts with its steps outermost, some of them written out."""
    axes = len(schedule.get(part).iter_vars)
    _, rows, columns, vectors, lane, *_, kh, run, word = schedule.get_loops(part)[-axes:]
    half, lane = schedule.split(lane, [None, setting.target.lanes], preserve_unit_iters=True)
    word, written = schedule.split(word, [None, steps], preserve_unit_iters=True)
    schedule.reorder(kh, run, word, written, rows, columns, vectors, half, lane)
    for loop in (kh, written):
        schedule.unroll(loop)
    _arrange_sums(schedule, part, kh, [rows, columns, vectors, half], lane)


def _arrange_sums(schedule: Any, block: Any, reduction: Any, unrolled: Sequence[Any], lane: Any) -> None:
    """Sums of a tile on their own, unrolled and in vectors; the first loop of their reduction is ``reduction``."""
    for loop in unrolled:
        schedule.unroll(loop)
    schedule.vectorize(lane)
    schedule.decompose_reduction(block, reduction)


def _is_ragged(setting: Setting, tile: Tile) -> bool:
    return any(size % extent for size, extent in zip(map_size(setting), tile, strict=False))


def _cost(setting: Setting, tile: Tile) -> float:
    """Instructions, of which a vector takes three for either of its halves."""
    return cost(setting, tile, 6, 2)


def _weight_bytes(setting: Setting, tile: Tile) -> float:
    """What a tile reads of the weights."""
    conv = convolution_of(setting)
    return tile[-1] * lane_count(setting.target) * conv.depth * conv.weight_bits / 8


def _kept(setting: Setting) -> float:
    """Bytes of weights that leave room for what a strip sees."""
    return setting.target.peak("l1d_bytes") * 3 / 4


def _vectors(setting: Setting) -> int:
    """Extent of the axis ``vector``."""
    return -(-convolution_of(setting).out_channels // lane_count(setting.target))


def _vector_extents(setting: Setting) -> list[int]:
    """Divisors of the vectors that fill words, if any does: signs are packed behind a tile."""
    vectors = _vectors(setting)
    extents = [v for v in range(1, min(vectors, _MOST_VECTORS) + 1) if vectors % v == 0]
    return [v for v in extents if v * lane_count(setting.target) % WORD_BITS == 0] or extents


def _orders(setting: Setting) -> tuple[str, ...]:
    """Which loops come outermost in a strip; where a tile may hold all vectors both are the same loops, or nearly."""
    return ("pixels",) if _vectors(setting) <= _MOST_VECTORS else ("pixels", "filters")


def _ways(setting: Setting) -> tuple[str, ...]:
    """How a word may come to all lanes; best is what is last."""
    conv = convolution_of(setting)
    uses = math.prod(conv.kernel) / math.prod(conv.stride) * -(-conv.out_channels // CHANNEL_ALIGNMENT)
    if uses < _FEW_USES:
        return ("broadcast",)
    return ("spread",) if uses > _MANY_USES else ("broadcast", "spread")


def _by_strips(setting: Setting) -> bool:
    """Whether threads share strips and prepare what these see, rather than tiles of a map that is prepared before."""
    return setting.threads == 1 or _rows(setting) >= _STRIP // 2 * _STRIPS_PER_THREAD * setting.threads


def _strip(setting: Setting) -> int:
    """Tiles above each other in a strip: the more, the less is prepared twice; strips of about the same height."""
    if not _by_strips(setting):
        return 1
    height, most = map_size(setting)[0], _STRIP
    if setting.threads > 1:
        most = min(most, _rows(setting) // (_STRIPS_PER_THREAD * setting.threads))
    return -(-height // -(-height // most))


def _rows(setting: Setting) -> int:
    """Rows of all maps."""
    return convolution_of(setting).batch * map_size(setting)[0]
