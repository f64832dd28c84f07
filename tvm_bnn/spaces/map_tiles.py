"""Tiles of (rows, columns, a third extent) over the pixels of a map, and the two orders of the loops around them."""

from __future__ import annotations

from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.spaces.base import Setting, Tile

MOST_ROWS = 4
MOST_COLUMNS = 16
_RAGGED = (2, 3, 4, 6)
"""Extents that are tried although they leave a ragged end."""

_LOOP = 2
"""Instructions of the loop itself."""

_RAGGED_COST = 0.05
"""Share of the time that the comparisons at a ragged end take, about."""


def convolution_of(setting: Setting) -> Conv2d:
    """The binary convolution that a dense layer or a convolution is."""
    operator = setting.operator.as_conv2d() if isinstance(setting.operator, Dense) else setting.operator
    assert isinstance(operator, Conv2d)
    return operator


def map_size(setting: Setting) -> tuple[int, int]:
    """Rows and columns of the accumulator; those of a dense layer lie side by side."""
    assert isinstance(setting.operator, AccumulatingOperator)
    shape = setting.operator.accumulator_shape()
    return (1, shape[0]) if len(shape) == 2 else (shape[1], shape[2])


def pixel_tiles(setting: Setting) -> list[tuple[int, int]]:
    """Rows by columns: divisors of the map, and a few that leave a ragged end."""
    rows, columns = map_size(setting)
    return [(r, c) for r in _extents(rows, MOST_ROWS) for c in _extents(columns, MOST_COLUMNS)]


def _extents(size: int, limit: int) -> list[int]:
    divisors = {d for d in range(1, min(size, limit) + 1) if size % d == 0}
    return sorted(divisors | {d for d in _RAGGED if d < size and d <= limit})


def cost(setting: Setting, tile: Tile, term: int, pixel: int) -> float:
    """Instructions for a sum of the map in every step: what zero trials go by.

    Args:
        setting: the map.
        tile: (rows, columns, third), the third being sums of a pixel.
        term: instructions of one sum.
        pixel: instructions to load what the sums of a pixel share; what its pixels share takes one.
    """
    (rows, columns), (r, c, third) = map_size(setting), tile
    computed = -(-rows // r) * r * -(-columns // c) * c / (rows * columns)
    ragged = rows % r > 0 or columns % c > 0
    each = term + pixel / third + 1 / (r * c) + _LOOP / (r * c * third)
    return computed * each * (1 + _RAGGED_COST * ragged)
