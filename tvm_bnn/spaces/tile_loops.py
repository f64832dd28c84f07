"""The loops of ``binary-amx``.

::

    pad, signed, and with ``expand`` = ``map`` also bytes       each by itself
    parallel for (n, strip of rows):
        configure the tiles
        bytes of the strip                                      with ``expand`` = ``strip``
        for row, tiles of pixels, block of 64 filters:          order ``pixels``
            for vectors of filters:
                acc = all taps and channels                     in tiles
            value, signs                                        see :mod:`tvm_bnn.spaces.finishing`
        release the tiles

The order ``filters`` puts the block of 64 filters before the rows of a strip, and before the strips where the whole map
has been expanded, so that its weights stay in the cache while pixels pass.

A point's variant names the accumulators of one block of tiles, pixels by filters: ``2x2`` loads one tile a product,
``1x4`` and ``4x1`` five for four; which a row allows depends on its width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.lowering.amx import ROWS, HardwareTiles, Tiles
from tvm_bnn.lowering.binary_amx import tiles_of_row, values_expansion
from tvm_bnn.lowering.byte_products import VECTORS, blocks_of, weight_expansion
from tvm_bnn.lowering.tile_block import TileBlock
from tvm_bnn.lowering.tile_state import MARK, SUMS, with_tiles
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.spaces import finishing
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.byte_loops import arrange_rest, expand_by_instruction
from tvm_bnn.spaces.map_tiles import convolution_of

_BLOCKS = {"2x2": (2, 2), "1x4": (1, 4), "4x1": (4, 1)}
_MOST_ROWS = 16
_STRIPS = 4
"""Fewest strips a thread, by default."""

_FIRST = -2
"""Of ``compute_at``: before everything in the loop that does not come before by need."""


class TileLoops(Space):
    """For ``binary-amx``.

    Args:
        tiles: the instructions.
    """

    name = "binary-amx"
    version = 1
    root_block = SUMS

    def __init__(self, tiles: Tiles | None = None) -> None:
        self._tiles = HardwareTiles() if tiles is None else tiles

    def variants(self, setting: Setting) -> list[Variant]:
        """Both orders, both ways to expand, the blocks of tiles that divide a row."""
        conv = convolution_of(setting)
        orders = ("pixels", "filters") if conv.out_channels > CHANNEL_ALIGNMENT else ("pixels",)
        blocks = [name for name, (rows, _) in _BLOCKS.items() if tiles_of_row(conv) % rows == 0]
        return [{"order": o, "expand": e, "block": b} for o in orders for e in ("map", "strip") for b in blocks]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Rows of a strip, which divide the map."""
        rows = convolution_of(setting).output_size[0]
        return [(extent,) for extent in range(1, min(rows, _MOST_ROWS) + 1) if rows % extent == 0]

    def default(self, setting: Setting) -> Point:
        """The block that loads least; strips where the map of bytes leaves the second-level cache.

        Strips are as high as leaves several for every thread.
        """
        conv, variants = convolution_of(setting), self.variants(setting)
        room = setting.target.peak("l2_bytes") / 2
        expand = "map" if conv.batch * conv.height * conv.width * conv.in_channels <= room else "strip"
        order = "filters" if conv.out_channels * conv.depth > room else "pixels"
        wanted = {"order": order, "expand": expand, "block": variants[0]["block"]}
        variant = max(variants, key=lambda v: sum(v[k] == wanted[k] for k in wanted))
        rows = conv.batch * conv.output_size[0]
        shared = [t for t in self.tiles(setting) if setting.threads == 1 or rows // t[0] >= _STRIPS * setting.threads]
        return Point(max(shared, default=self.tiles(setting)[0]), variant)

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Strips, tiles, the epilogue behind them, bits to bytes before."""
        conv, block = convolution_of(setting), _BLOCKS[str(variant["block"])]
        acc = schedule.get_sblock("acc")
        n, h, w, outputs, vector, lane, *reduction = schedule.get_loops(acc)
        strips, h = schedule.split(h, [None, tile[0]], preserve_unit_iters=True)
        w, pixels = schedule.split(w, [None, block[0] * ROWS], preserve_unit_iters=True)
        vector, vectors = schedule.split(vector, [VECTORS // block[1], block[1]], preserve_unit_iters=True)
        by_strip = variant["expand"] == "strip"
        outer, inner = _ordered(n, strips, h, w, outputs, variant)
        schedule.reorder(*outer, *inner, vector, pixels, vectors, lane, *reduction)
        task = schedule.fuse(*outer, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(task)
        schedule.annotate(task, MARK, 1)
        if by_strip:
            # TVM takes apart the rows of overlapping strips wrongly, so the instruction has to be there before.
            expand_by_instruction(schedule, "bytes", values_expansion(conv))
            schedule.compute_at(schedule.get_sblock("bytes_o"), task, preserve_unit_loops=True, index=_FIRST)
        finishing.fuse_epilogue(schedule, setting, inner[-1])
        schedule.tensorize(pixels, _tile_block(conv, block).intrinsic(self._tiles))
        arrange_rest(schedule, setting, {"bytes_o"} if by_strip else set())
        if not by_strip:
            expand_by_instruction(schedule, "bytes", values_expansion(conv))
        expand_by_instruction(schedule, "signed", weight_expansion(conv))

    def scheduled(self, function: Any, setting: Setting, point: Point) -> Any:
        """The arranged function, its tiles configured."""
        return with_tiles(super().scheduled(function, setting, point), self._tiles)


def _ordered(n: Any, strips: Any, h: Any, w: Any, outputs: Any, variant: Variant) -> tuple[list[Any], list[Any]]:
    """The loops over tasks, and those of one task."""
    if variant["order"] == "pixels":
        return [n, strips], [h, w, outputs]
    # Filters that come before strips would expand every strip again.
    return ([n, strips], [outputs, h, w]) if variant["expand"] == "strip" else ([outputs, n, strips], [h, w])


def _tile_block(conv: Conv2d, block: tuple[int, int]) -> TileBlock:
    return TileBlock(*block, conv.kernel, blocks_of(conv).group, conv.stride[1], conv.dilation)
