"""Spaces of GPUs: sampled and fixed loops are the same, and tiles keep to the rules that prevent spills."""

import pytest

from tests.spaces import test_sampled
from tvm_bnn._tvm import ir, s_tir
from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.ops import Conv2d, PooledAttention
from tvm_bnn.spaces.base import Point, Setting, Tile
from tvm_bnn.targets import load

TARGET = load("h200")
CONV = test_sampled.CONV
ATTENTION = PooledAttention(1, 12, 40, 110, 64, 128)

CASES = [
    pytest.param(row, Setting(operator, TARGET, 1), id=row.lowering.name)
    for operator in (CONV, ATTENTION)
    for row in rows_for(operator, TARGET)
    if row.space.tiles(Setting(operator, TARGET, 1))
]


@pytest.mark.parametrize(("row", "setting"), CASES)
def test_sampled_and_fixed_are_the_same_loops(row: Row, setting: Setting) -> None:
    test_sampled.test_sampled_and_fixed_are_the_same_loops(row, setting)


@pytest.mark.parametrize(("row", "setting"), CASES)
def test_steps_can_be_repeated(row: Row, setting: Setting) -> None:
    """As the search does, with another decision each time."""
    function = row.lowering.function(setting.operator, setting.target)
    sampled, repeated = s_tir.Schedule(function), s_tir.Schedule(function)
    row.space.sample_as(sampled, setting, row.space.default(setting))
    sampled.trace.apply_to_schedule(repeated, remove_postproc=False)
    ir.assert_structural_equal(sampled.mod, repeated.mod)


def tiles(operator: Conv2d | PooledAttention, lowering: str) -> list[Tile]:
    """What a space offers."""
    row = row_named(operator, TARGET, lowering)
    assert row is not None
    return row.space.tiles(Setting(operator, TARGET, 1))


def test_threads_of_one_map_end_together() -> None:
    assert {tile[0] for tile in tiles(Conv2d(1, 12, 43, 64, 64), "popcount-threads")} == {1, 2, 4}
    assert {tile[2] for tile in tiles(Conv2d(1, 12, 43, 64, 64), "popcount-threads")} == {1}
    assert {tile[2] for tile in tiles(Conv2d(1, 12, 44, 64, 64), "popcount-threads")} == {1, 2}


def test_tiles_of_attention_divide_the_map() -> None:
    """6 pairs of rows, 5 groups of columns."""
    found = tiles(ATTENTION, "attention-mma")
    assert (1, 5) in found
    assert all(6 % height == 0 and 5 % across == 0 for height, across in found)


def test_more_channels_leave_less_shared_memory() -> None:
    wide = PooledAttention(1, 12, 40, 110, 64, 256)
    assert (1, 5) not in tiles(wide, "attention-mma")
    assert tiles(wide, "attention-mma")


def test_a_point_is_kept_where_it_belongs() -> None:
    row = row_named(ATTENTION, TARGET, "attention-mma")
    assert row is not None
    point = Point((3, 2), {"values": "kernel"})
    assert row.space.nearest(Setting(ATTENTION, TARGET, 1), point).variant == point.variant
