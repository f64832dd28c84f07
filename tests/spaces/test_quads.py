from dataclasses import replace

import pytest
from hypothesis import given

from tests.strategies import LIGHT, conv2ds, denses
from tvm_bnn._tvm import ir, s_tir
from tvm_bnn.lowering.popcount_quads import PopcountQuadsConv2d
from tvm_bnn.ops import Conv2d, Dense, Epilogue
from tvm_bnn.spaces.base import VARIANT_KEY, Point, Setting
from tvm_bnn.spaces.quads import Quads
from tvm_bnn.targets import load

BOARD = load("rpi4")
CONV = Conv2d(1, 12, 20, 64, 128, epilogue=Epilogue(outputs=("signs",)))
OPERATORS = (
    CONV,
    replace(CONV, height=13, width=17),
    replace(CONV, height=1, width=1),
    replace(CONV, in_channels=512, out_channels=512),
    replace(CONV, in_channels=128, out_channels=64, groups=2),
    replace(CONV, out_channels=5, epilogue=Epilogue()),
    Dense(37, 200, 128),
)
CASES = [Setting(operator, BOARD, threads) for operator in OPERATORS for threads in (1, 4)]


@pytest.mark.parametrize("setting", CASES)
def test_sums_fit_the_registers_beside_words_weights_and_what_they_give(setting: Setting) -> None:
    tiles = Quads().tiles(setting)
    assert len(set(tiles)) == len(tiles) > 0
    assert all(2 * rows * columns * vectors + rows * columns + 3 <= 32 for rows, columns, vectors in tiles)


@pytest.mark.parametrize("setting", CASES)
def test_the_default_is_a_member(setting: Setting) -> None:
    default = Quads().default(setting)
    assert default.tile in Quads().tiles(setting)
    assert default.variant in Quads().variants(setting)
    assert Quads().nearest(setting, default) == default


def test_a_tile_of_another_map_is_taken_over_where_it_divides_this_one() -> None:
    record = Point((1, 2, 4), {"order": "filters", "steps": 2, "words": "spread"})
    even, odd = (Setting(replace(CONV, height=size, width=size), BOARD, 1) for size in (14, 7))
    assert Quads().adapted(even, record) == record
    assert Quads().nearest(odd, record) == record
    assert Quads().adapted(odd, record) == Point(Quads().default(odd).tile, record.variant)


@LIGHT
@given(operator=conv2ds(groups=1) | denses())
def test_default_and_nearest_of_any_operator(operator: Conv2d | Dense) -> None:
    space, foreign = Quads(), Point((4, 3, 1), {"order": "filters", "steps": 3, "words": "spread"})
    setting = Setting(operator, BOARD, 1)
    for point in (space.default(setting), space.nearest(setting, foreign), space.nearest(setting, Point())):
        assert point.tile in space.tiles(setting)
        assert point.variant in space.variants(setting)


def test_vectors_of_a_tile_divide_all_of_them_and_fill_words() -> None:
    def extents(**fields: object) -> set[int]:
        conv = replace(CONV, **fields)  # type: ignore[arg-type]
        return {vectors for _, _, vectors in Quads().tiles(Setting(conv, BOARD, 1))}

    assert extents() == {4, 8}
    assert extents(out_channels=192) == {4, 8}
    assert extents(out_channels=16, epilogue=Epilogue()) == {1, 2}


@pytest.mark.parametrize(
    ("fields", "ways"),
    [
        ({}, {"spread"}),
        ({"kernel": (1, 1), "padding": (0, 0)}, {"spread", "broadcast"}),
        ({"kernel": (1, 1), "padding": (0, 0), "out_channels": 64}, {"broadcast"}),
        ({"stride": (2, 2), "out_channels": 64}, {"spread", "broadcast"}),
    ],
)
def test_words_are_spread_where_they_are_met_often(fields: dict[str, object], ways: set[str]) -> None:
    conv = replace(CONV, **fields)  # type: ignore[arg-type]
    assert {variant["words"] for variant in Quads().variants(Setting(conv, BOARD, 1))} == ways


@pytest.mark.parametrize(("height", "threads", "rows"), [(56, 1, 8), (14, 1, 7), (64, 4, 4), (14, 4, 14)])
def test_a_strip_prepares_what_its_rows_see(height: int, threads: int, rows: int) -> None:
    """So many rows of tiles and the two that border on them; where rows are few the map is prepared as a whole."""
    setting = Setting(replace(CONV, height=height, width=height), BOARD, threads)
    function = PopcountQuadsConv2d().function(setting.operator, BOARD)
    schedule = s_tir.Schedule(function)
    Quads().arrange(schedule, setting, (1, 2, 4), Quads().variants(setting)[-1])
    extents = [int(schedule.get(loop).extent) for loop in schedule.get_loops(schedule.get_sblock("spread"))]
    assert rows + 2 in extents


@pytest.mark.parametrize("setting", CASES)
def test_sampled_and_fixed_are_the_same_loops(setting: Setting) -> None:
    if isinstance(setting.operator, Dense):
        pytest.skip("its loops are those of a convolution")
    function = PopcountQuadsConv2d().function(setting.operator, BOARD)
    tiles, variants = Quads().tiles(setting), Quads().variants(setting)
    for point in (Quads().default(setting), Point(tiles[0], variants[0]), Point(tiles[-1], variants[-1])):
        sampled, fixed = s_tir.Schedule(function), s_tir.Schedule(function)
        Quads().sample_as(sampled, setting, point)
        assert Quads().point_of(sampled, setting) == point
        sampled.unannotate(sampled.get_sblock(Quads.root_block), VARIANT_KEY)
        Quads().arrange(fixed, setting, point.tile, point.variant)
        ir.assert_structural_equal(sampled.mod, fixed.mod)
