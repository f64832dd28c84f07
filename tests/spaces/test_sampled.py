"""Loops that were sampled, as the search does it, and loops arranged by a record's numbers are the same loops."""

from dataclasses import replace

import numpy as np
import pytest

from tvm_bnn._tvm import ir, s_tir
from tvm_bnn.lowering.registry import Row, rows_for
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Operator, PooledAttention, RealConv2d
from tvm_bnn.spaces.base import VARIANT_KEY, Point, Setting
from tvm_bnn.targets import load, names

FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs", "byte"))
CONV = Conv2d(1, 13, 17, 64, 128, epilogue=FULL)
OPERATORS: tuple[Operator, ...] = (
    CONV,
    replace(CONV, pad_value="zero", out_channels=33, epilogue=Epilogue(outputs=("codes",), code_bits=2)),
    Dense(5, 64, 64),
    RealConv2d(1, 8, 8, 3, 16),
    PooledAttention(2, 4, 12, 20, 64, 128, epilogue=FULL),
    PooledAttention(1, 4, 5, 20, 33, 48, 4),
)
CLASSES = [name for name in names() if name.startswith("x86") or name == "cpu-portable"]
"""What a host may be here; code for boards is checked in emulation."""

CASES = [
    pytest.param(row, Setting(operator, target, threads), id=f"{operator.label()} {row.lowering.name} {target.name}")
    for operator in OPERATORS
    for target, threads in zip(map(load, CLASSES), (1, 2, 2, 1), strict=True)
    for row in rows_for(operator, target)
    if row.space.tiles(Setting(operator, target, threads))
]


def some_points(row: Row, setting: Setting) -> list[Point]:
    """The default, and two by chance."""
    rng = np.random.default_rng(0)
    tiles, variants = row.space.tiles(setting), row.space.variants(setting)
    drawn = [Point(tiles[rng.integers(len(tiles))], variants[rng.integers(len(variants))]) for _ in range(2)]
    return [row.space.default(setting), *drawn]


@pytest.mark.parametrize(("row", "setting"), CASES)
def test_sampled_and_fixed_are_the_same_loops(row: Row, setting: Setting) -> None:
    function = row.lowering.function(setting.operator, setting.target)
    for point in some_points(row, setting):
        sampled = s_tir.Schedule(function)
        row.space.sample_as(sampled, setting, point)
        assert row.space.point_of(sampled, setting) == point
        # Nothing but the note of where it came from may tell them apart.
        sampled.unannotate(sampled.get_sblock(row.space.root_block), VARIANT_KEY)
        fixed = s_tir.Schedule(function)
        row.space.arrange(fixed, setting, point.tile, point.variant)
        ir.assert_structural_equal(sampled.mod, fixed.mod)


@pytest.mark.parametrize(("row", "setting"), CASES)
def test_one_design_space_a_variant(row: Row, setting: Setting) -> None:
    function = row.lowering.function(setting.operator, setting.target)
    sampled = row.space.generator(setting)(s_tir.Schedule(function))
    points = [row.space.point_of(schedule, setting) for schedule in sampled]
    assert [point.variant for point in points] == row.space.variants(setting)
    assert all(point.tile in row.space.tiles(setting) for point in points)
