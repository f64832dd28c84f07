"""Averages over grids: every grid's windows are summed along rows of the map first, then along columns.

For a grid g the stage ``rows<g>`` int32 [N, g, W, C] sums the rows of each window over the whole width, the stage
``cells<g>`` [N, g, g, C] the columns of it: every grid reads the map once, or a row twice where windows share it. The
stage ``mean`` [N, S, C] divides, the grids one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.base import Tensors
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.plain import Plain
from tvm_bnn.ops.anchors import MEAN_FRACTION_BITS, AnchorPool, windows
from tvm_bnn.ops.base import Operator
from tvm_bnn.targets import Target

Expr = Any

_UNITS = 2**MEAN_FRACTION_BITS


class SeparableAnchorPool(Plain):
    """For every :class:`AnchorPool`."""

    name = "anchor-pool"
    kind = "anchor_pool"

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Sums grid by grid, their means, then the shared epilogue."""
        pool = cast(AnchorPool, operator)
        cells = {grid: _cells(pool, grid, tensors["x"]) for grid in pool.grids}
        mean = te.compute(
            (pool.batch, pool.anchors, pool.channels), lambda n, s, c: _mean(pool, cells, n, s, c), "mean"
        )
        return finish(pool, target, lambda n, _, s, c: mean[n, s, c], tensors)


def _cells(pool: AnchorPool, grid: int, x: Any) -> Any:
    """The sums over all windows of one grid, [N, g, g, C]."""
    row, column = (_axis(size, grid, name) for size, name in ((pool.height, "row"), (pool.width, "column")))

    def along_rows(n: Expr, i: Expr, w: Expr, c: Expr) -> Expr:
        return _windowed(pool.height, grid, i, row, lambda h: dtype_cast("int32", x[n, h, w, c]))

    rows = te.compute((pool.batch, grid, pool.width, pool.channels), along_rows, f"rows{grid}")

    def along_columns(n: Expr, i: Expr, j: Expr, c: Expr) -> Expr:
        return _windowed(pool.width, grid, j, column, lambda w: rows[n, i, w, c])

    return te.compute((pool.batch, grid, grid, pool.channels), along_columns, f"cells{grid}")


def _axis(size: int, grid: int, name: str) -> Any:
    """The reduction along the largest window."""
    return te.reduce_axis((0, max(stop - start for start, stop in windows(size, grid))), name)


def _windowed(size: int, grid: int, window: Expr, step: Expr, element: Any) -> Expr:
    """Sum over one window; where it is smaller than the largest, the last step adds nothing."""
    start, stop = _window(size, grid, window)
    if size % grid == 0:
        return te.sum(element(start + step), axis=step)
    inside = start + step < stop
    return te.sum(tirx.if_then_else(inside, element(te.min(start + step, size - 1)), 0), axis=step)


def _window(size: int, grid: int, index: Expr) -> tuple[Expr, Expr]:
    """Where a window begins and where the next row after it lies: :func:`tvm_bnn.ops.anchors.windows`."""
    return index * size // grid, ((index + 1) * size + grid - 1) // grid


def _mean(pool: AnchorPool, cells: Mapping[int, Any], n: Expr, s: Expr, c: Expr) -> Expr:
    """The rounded mean at anchor ``s``, picked by the grid that the anchor belongs to."""
    picked: Expr | None = None
    first = pool.anchors
    for grid in reversed(pool.grids):
        first -= grid**2
        i, j = (s - first) // grid, (s - first) % grid
        (top, bottom), (left, right) = _window(pool.height, grid, i), _window(pool.width, grid, j)
        count = (bottom - top) * (right - left)
        quotient = cells[grid][n, i, j, c] // count
        rest = cells[grid][n, i, j, c] - quotient * count
        mean = quotient * _UNITS + (rest * _UNITS + count // 2) // count
        picked = mean if picked is None else tirx.if_then_else(s >= first + grid**2, picked, mean)
    return picked
