"""One block of accumulator tiles over a whole window, as a tensor intrinsic.

A block of rows by columns of accumulator tiles is the sum over all taps and channels for 16 rows pixels and 16 columns
filters. The side with fewer tiles is loaded once a step and kept, the other passes through the tiles that are left,
one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tvm_bnn._tvm import T, dtype_cast, register_intrinsic
from tvm_bnn.lowering.amx import ROW_BYTES, ROWS, TILES, Tiles
from tvm_bnn.lowering.expand import QUAD, QUADS

_FILTERS = ROW_BYTES // QUAD
"""Filters of one tile."""

_SUM_BYTES = 4

_UNROLLED_STEPS = 36
"""Most steps (taps times blocks of 64 channels) that are written out."""


@dataclass(frozen=True)
class TileBlock:
    """Accumulators of ``rows`` times 16 pixels by ``columns`` times 16 filters, over a whole window.

    Attributes:
        rows: tiles along the pixels of a row of the map.
        columns: tiles along filters.
        kernel: taps, vertical and horizontal.
        blocks: of 64 input channels.
        stride: from pixel to pixel, horizontal.
        dilation: from tap to tap, vertical and horizontal.

    Raises:
        ValueError: no tiles are left for the operands: the smaller side, and one for the larger.
    """

    rows: int
    columns: int
    kernel: tuple[int, int]
    blocks: int
    stride: int
    dilation: tuple[int, int]

    def __post_init__(self) -> None:
        needed = self.rows * self.columns + min(self.rows, self.columns) + 1
        if needed > TILES:
            raise ValueError(f"a block of {self.rows}x{self.columns} tiles needs {needed} of {TILES}")

    def intrinsic(self, tiles: Tiles) -> str:
        """The name of the tensor intrinsic, which is registered by asking for it."""
        parts = (self.rows, self.columns, *self.kernel, self.blocks, self.stride, *self.dilation)
        name = f"tvm_bnn.tiles.{tiles.name}.{'.'.join(map(str, parts))}"
        register_intrinsic(name, _meaning(self), _instructions(self, tiles))
        return name

    @property
    def map_shape(self) -> tuple[int, ...]:
        """The part of the map that is read: rows, columns, blocks, quads, bytes."""
        rows = (self.kernel[0] - 1) * self.dilation[0] + 1
        columns = (self.rows * ROWS - 1) * self.stride + (self.kernel[1] - 1) * self.dilation[1] + 1
        return rows, columns, self.blocks, QUADS, QUAD

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The weights: vectors of filters, taps, blocks, quads, filters, bytes."""
        return self.columns, *self.kernel, self.blocks, QUADS, _FILTERS, QUAD

    @property
    def sum_shape(self) -> tuple[int, ...]:
        """The sums: pixels, one block of filters, its vectors, filters."""
        return self.rows * ROWS, 1, self.columns, _FILTERS


def _meaning(block: TileBlock) -> Any:
    """What the instructions compute, as plain loops."""
    map_shape, weight_shape, sum_shape = block.map_shape, block.weight_shape, block.sum_shape
    (pixels, _, columns, _), (kh, kw) = sum_shape, block.kernel

    # fmt: off
    @T.prim_func(s_tir=True)
    def meaning(a: T.handle, b: T.handle, c: T.handle) -> None:
        A = T.match_buffer(a, map_shape, "int8", offset_factor=1)
        B = T.match_buffer(b, weight_shape, "int8", offset_factor=1)
        C = T.match_buffer(c, sum_shape, "int32", offset_factor=1)
        with T.sblock("root"):
            T.reads(
                A[0 : map_shape[0], 0 : map_shape[1], 0 : map_shape[2], 0:16, 0:4],
                B[0:columns, 0:kh, 0:kw, 0 : map_shape[2], 0:16, 0:16, 0:4],
            )
            T.writes(C[0:pixels, 0:1, 0:columns, 0:16])
            _mean(block, A, B, C)
    # fmt: on

    return meaning


def _mean(block: TileBlock, a: Any, b: Any, c: Any) -> None:
    """One sum of products for every element; axes of one step are no axes, as in schedules."""
    pixels, _, columns, filters = block.sum_shape
    extents = (pixels, columns, filters, *block.kernel, block.blocks, QUADS, QUAD)
    real = [axis for axis, extent in enumerate(extents) if extent > 1]
    with T.grid(*extents) as loops, T.sblock("products"):
        bound = T.axis.remap("".join("SSSRRRRR"[axis] for axis in real), [loops[axis] for axis in real])
        found = dict(zip(real, bound, strict=True))
        w, v, n, y, x, k, q, i = (found.get(axis, 0) for axis in range(len(extents)))
        left = a[y * block.dilation[0], w * block.stride + x * block.dilation[1], k, q, i]
        product = dtype_cast("int32", left) * dtype_cast("int32", b[v, y, x, k, q, n, i])
        T.buffer_store(c, c[w, 0, v, n] + product, [w, 0, v, n])


def _instructions(block: TileBlock, tiles: Tiles) -> Any:
    """The same with tiles."""
    map_shape, weight_shape, sum_shape = block.map_shape, block.weight_shape, block.sum_shape
    (pixels, _, columns, _), (kh, kw) = sum_shape, block.kernel

    # fmt: off
    @T.prim_func(s_tir=True)
    def instructions(a: T.handle, b: T.handle, c: T.handle) -> None:
        row = T.int32()
        column = T.int32()
        pixel = T.int32()
        block_stride = T.int32()
        vector = T.int32()
        A = T.match_buffer(
            a, map_shape, "int8", strides=[row, column, 64, 4, 1], offset_factor=1,
        )
        B = T.match_buffer(b, weight_shape, "int8", offset_factor=1)
        C = T.match_buffer(c, sum_shape, "int32", strides=[pixel, block_stride, vector, 1], offset_factor=1)
        with T.sblock("root"):
            T.reads(
                A[0 : map_shape[0], 0 : map_shape[1], 0 : map_shape[2], 0:16, 0:4],
                B[0:columns, 0:kh, 0:kw, 0 : map_shape[2], 0:16, 0:16, 0:4],
            )
            T.writes(C[0:pixels, 0:1, 0:columns, 0:16])
            _emit(block, tiles, A, B, C)
    # fmt: on

    return instructions


def _emit(block: TileBlock, tiles: Tiles, a: Any, b: Any, c: Any) -> None:
    """Zero the accumulators, add up all steps, store them."""
    for total in range(block.rows * block.columns):
        T.evaluate(tiles.zero(total))
    with ExitStack() as loops:
        step = [loops.enter_context(loop) for loop in _step_loops(block)]
        _emit_step(block, tiles, a, b, step)
    for r in range(block.rows):
        for v in range(block.columns):
            address = T.address_of(c[r * ROWS, 0, v, 0])
            T.evaluate(tiles.store(r * block.columns + v, address, c.strides[0] * _SUM_BYTES))


def _step_loops(block: TileBlock) -> Iterator[Any]:
    """Loops over taps and blocks of channels; the innermost are written out as far as the cache of code allows."""
    extents = (*block.kernel, block.blocks)
    for depth, extent in enumerate(extents):
        yield T.unroll(0, extent) if math.prod(extents[depth:]) <= _UNROLLED_STEPS else T.serial(0, extent)


def _emit_step(block: TileBlock, tiles: Tiles, a: Any, b: Any, step: list[Any]) -> None:
    """One tap, 64 channels: load the operands and multiply all pairs."""
    y, x, k = step
    down, right = block.dilation

    def load_pixels(r: int, tile: int) -> None:
        address = T.address_of(a[y * down, r * ROWS * block.stride + x * right, k, 0, 0])
        T.evaluate(tiles.load(tile, address, a.strides[1] * block.stride))

    def load_filters(v: int, tile: int) -> None:
        T.evaluate(tiles.load(tile, T.address_of(b[v, y, x, k, 0, 0, 0]), ROW_BYTES))

    totals = block.rows * block.columns
    kept = min(block.rows, block.columns)
    passing = list(range(totals + kept, TILES))
    pixels_kept = block.rows <= block.columns
    for n in range(kept):
        (load_pixels if pixels_kept else load_filters)(n, totals + n)
    for m in range(max(block.rows, block.columns)):
        tile = passing[m % len(passing)]
        (load_filters if pixels_kept else load_pixels)(m, tile)
        for n in range(kept):
            r, v = (n, m) if pixels_kept else (m, n)
            pixels, filters = (totals + n, tile) if pixels_kept else (tile, totals + n)
            T.evaluate(tiles.multiply(r * block.columns + v, pixels, filters))
