"""The loops of sums whose lanes run over input channels.

Before::

    for n, h, w, o, lane:                      sums = 0
        for kh, run, a, b, j:                  sums += term
    for n, h, w, o:                            acc = sum of the lanes
    value, signs                               see :mod:`tvm_bnn.spaces.finishing`

After, for a tile of (rows, columns, filters) and the order ``pixels``::

    parallel for (n, h / rows, w / columns, block of filters):
        for filter / filters:
            sums[rows, columns, filters, lanes] = 0          registers
            for kh, run, a, b, j:
                unrolled rows, columns, filters; vectorised lane:  sums += term
            acc[rows, columns, filters] = sums of the lanes
        value, signs[rows, columns, block]

A block is 64 filters where they fill words, else all of them. The order ``filters`` puts it outermost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.lowering.popcount_words import FILTERS
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT
from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.map_tiles import convolution_of, cost, pixel_tiles


class Words(Space):
    """For ``popcount-words``."""

    name = "words"
    version = 1
    root_block = "sums_update"

    def variants(self, setting: Setting) -> list[Variant]:
        """Each order."""
        return [{"order": order} for order in _orders(setting)]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles whose sums leave a quarter of the vector registers to operands; imperfect ones too."""
        limit = int(setting.target.peak("vector_registers")) * 3 // 4
        return [(r, c, f) for r, c in pixel_tiles(setting) for f in (1, 2, FILTERS) if r * c * f <= limit]

    def default(self, setting: Setting) -> Point:
        """The tile with the fewest instructions: to load words, and to combine, to count and to add them."""
        tile = min(self.tiles(setting), key=lambda tile: cost(setting, tile, 3, 1))
        conv = convolution_of(setting)
        weights = conv.depth * conv.weight_bits * conv.out_channels / 8
        # Weights that leave room for the map in the second-level cache stay there anyway.
        return Point(tile, {"order": _orders(setting)[-1 if weights > setting.target.peak("l2_bytes") / 4 else 0]})

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile the sums of lanes, fuse the epilogue in, bring the lanes under them."""
        acc, sums = schedule.get_sblock("acc"), schedule.get_sblock("sums")
        n, h, w, o = schedule.get_loops(acc)
        block, o = schedule.split(o, [_blocks(setting), None], preserve_unit_iters=True)
        (h, rows), (w, columns), (o, filters) = (
            schedule.split(loop, [None, extent], preserve_unit_iters=True)
            for loop, extent in zip((h, w, o), tile, strict=True)
        )
        outer = [n, h, w, block] if variant["order"] == "pixels" else [block, n, h, w]
        schedule.reorder(*outer, o, rows, columns, filters)
        tiles = schedule.fuse(*outer, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(tiles)
        finishing.fuse_epilogue(schedule, setting, tiles)
        schedule.compute_at(sums, o, preserve_unit_loops=True)
        _, rows_of, columns_of, filters_of, lane, *reduction = schedule.get_loops(sums)[2:]
        schedule.reorder(*reduction, rows_of, columns_of, filters_of, lane)
        for stage in (acc, sums):
            schedule.set_scope(stage, 0, "local")
        for loop in (rows, columns, filters, rows_of, columns_of, filters_of):
            schedule.unroll(loop)
        schedule.vectorize(lane)
        schedule.decompose_reduction(sums, reduction[0])
        done = {"acc", "value", *finishing.fused_outputs(setting)}
        portable.arrange_stages(
            schedule,
            setting.target.lanes,
            setting.threads,
            lambda name: not name.startswith("sums") and name not in done,
        )


def _blocks(setting: Setting) -> int:
    """Blocks of filters whose signs are packed together."""
    return convolution_of(setting).out_channels // CHANNEL_ALIGNMENT if portable.whole_words(setting) else 1


def _orders(setting: Setting) -> tuple[str, ...]:
    """Which loops may come outermost; with a single block both orders are the same loops."""
    return ("pixels", "filters") if _blocks(setting) > 1 else ("pixels",)
