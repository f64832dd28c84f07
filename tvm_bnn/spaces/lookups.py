"""The loops of sums by table: bytes in registers for a chunk of steps, wider sums behind them.

Before::

    for n, h, w, pair, word, i:                             nibbles
    for n, h, w, vector, lane, a, b, chunk:                 part = 0
        for kh, kw, j:                                      part += table look-up
    for n, h, w, vector, lane:                              acc = 0
        for a, b, chunk:                                    acc += part
    value, signs                                            see :mod:`tvm_bnn.spaces.finishing`

After, for a tile of (rows, columns, vectors) and the order ``pixels``::

    parallel for n, h, w: for pair:                         nibbles, 16 by one instruction each
    parallel for (n, h / rows, w / columns, vector / vectors):
        acc[rows, columns, vectors, lanes] = 0
        for (a, b, chunk):
            part[rows, columns, vectors, lanes] = 0         registers
            for kh, kw, j:
                unrolled rows, columns, vectors; vectorised lane:  part += table look-up
            acc += part
        value, signs[rows, columns, vectors * lanes]

The planes and chunks are one loop lest the compiler write out a few of them: their sums would leave the registers.
The order ``filters`` puts the vectors outermost, so that their weights stay in the cache while all pixels pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.lowering import byte_lookup
from tvm_bnn.lowering.popcount_bytes import lane_count
from tvm_bnn.ops.bits import WORD_BITS
from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.map_tiles import convolution_of, cost, pixel_tiles

_MOST_VECTORS = 4


class Lookups(Space):
    """For ``popcount-bytes``."""

    name = "lookups"
    version = 1
    root_block = "acc_update"

    def variants(self, setting: Setting) -> list[Variant]:
        """Each order."""
        return [{"order": order} for order in _orders(setting)]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles whose sums fit the vector registers beside what a step needs; imperfect ones too."""
        registers = int(setting.target.peak("vector_registers"))
        return [
            (r, c, v)
            for r, c in pixel_tiles(setting)
            for v in _vector_extents(setting)
            if r * c * v + v + 2 <= registers or (r, c, v) == (1, 1, _vector_extents(setting)[0])
        ]

    def default(self, setting: Setting) -> Point:
        """The tile with the fewest instructions: a table a pixel takes its index and itself."""
        tile = min(self.tiles(setting), key=lambda tile: cost(setting, tile, 2, 2))
        conv = convolution_of(setting)
        # A byte holds four bits.
        weights = conv.depth * conv.weight_bits * conv.out_channels / 4
        # Weights that leave room for the map in the second-level cache stay there anyway.
        return Point(tile, {"order": _orders(setting)[-1 if weights > setting.target.peak("l2_bytes") / 2 else 0]})

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, reorder, fuse the epilogue in, bring the bytes' sums under theirs."""
        acc, part = schedule.get_sblock("acc"), schedule.get_sblock("part")
        _arrange_nibbles(schedule, setting)
        n, h, w, vector, lane, *pieces = schedule.get_loops(acc)
        (h, rows), (w, columns), (vector, vectors) = (
            schedule.split(loop, [None, extent], preserve_unit_iters=True)
            for loop, extent in zip((h, w, vector), tile, strict=True)
        )
        outer = [n, h, w, vector] if variant["order"] == "pixels" else [vector, n, h, w]
        schedule.reorder(*outer, *pieces, rows, columns, vectors, lane)
        tiles = schedule.fuse(*outer, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(tiles)
        finishing.fuse_epilogue(schedule, setting, tiles)
        chunk = schedule.fuse(*pieces, preserve_unit_iters=True)
        schedule.compute_at(part, chunk, preserve_unit_loops=True)
        _arrange_tile(schedule, acc, chunk, [rows, columns, vectors], lane)
        pixel, steps = schedule.get_loops(part)[2:], schedule.get_loops(part)[-3:]
        _, rows, columns, vectors, lane = pixel[:5]
        schedule.reorder(*steps, rows, columns, vectors, lane)
        _arrange_tile(schedule, part, steps[0], [rows, columns, vectors], lane)
        done = {"value", *finishing.fused_outputs(setting)}
        portable.arrange_stages(
            schedule,
            setting.target.lanes,
            setting.threads,
            lambda name: not name.startswith(("acc", "part", "nibbles")) and name not in done,
        )


def _arrange_nibbles(schedule: Any, setting: Setting) -> None:
    """The map four bits a byte, by instructions."""
    nibbles = schedule.get_sblock("nibbles")
    *pixels, _, word, _ = loops = schedule.get_loops(nibbles)
    if setting.threads > 1 and portable.is_large(schedule, loops):
        schedule.parallel(schedule.fuse(*pixels, preserve_unit_iters=True))
    schedule.tensorize(word, byte_lookup.nibbles_intrinsic())


def _arrange_tile(schedule: Any, block: Any, reduction: Any, unrolled: Sequence[Any], lane: Any) -> None:
    """Sums of a tile on their own, unrolled and in vectors; the first loop of their reduction is ``reduction``."""
    schedule.set_scope(block, 0, "local")
    for loop in unrolled:
        schedule.unroll(loop)
    schedule.vectorize(lane)
    schedule.decompose_reduction(block, reduction)


def _lanes(setting: Setting) -> int:
    lanes = lane_count(convolution_of(setting), setting.target)
    assert lanes is not None
    return lanes


def _vectors(setting: Setting) -> int:
    """Extent of the axis ``vector``."""
    return -(-convolution_of(setting).out_channels // _lanes(setting))


def _vector_extents(setting: Setting) -> list[int]:
    """Divisors of the vectors that fill words, if any does: signs are packed behind a tile."""
    vectors = _vectors(setting)
    extents = [v for v in range(1, min(vectors, _MOST_VECTORS) + 1) if vectors % v == 0]
    return [v for v in extents if v * _lanes(setting) % WORD_BITS == 0] or extents


def _orders(setting: Setting) -> tuple[str, ...]:
    """Which loops may come outermost; where a tile may hold all vectors both are the same loops, or nearly."""
    return ("pixels",) if _vectors(setting) <= _MOST_VECTORS // 2 else ("pixels", "filters")
