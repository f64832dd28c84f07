from dataclasses import replace

import pytest
from hypothesis import given

from tests.strategies import LIGHT, conv2ds, denses
from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Operator, RealConv2d
from tvm_bnn.spaces.base import Point, Setting, Space
from tvm_bnn.spaces.lanes import DotLoops, Lanes
from tvm_bnn.targets import load, names

TARGETS = [target for target in map(load, names()) if target.kind == "cpu"]
CONV = Conv2d(1, 12, 20, 64, 128)
PRIME = replace(CONV, height=13, width=17)
OPERATORS: tuple[tuple[Space, Operator], ...] = (
    (Lanes(), CONV),
    (Lanes(), PRIME),
    (Lanes(), replace(CONV, height=1, width=1)),
    (Lanes(), replace(CONV, in_channels=512, out_channels=512)),
    (Lanes(), Dense(37, 200, 128)),
    (Lanes(), RealConv2d(1, 20, 24, 3, 16, epilogue=Epilogue(outputs=("byte",)))),
    (DotLoops(), RealConv2d(1, 9, 11, 16, 64)),
)
CASES = [(space, Setting(operator, target, 2)) for space, operator in OPERATORS for target in TARGETS]


@pytest.mark.parametrize(("space", "setting"), CASES)
def test_sums_fit_the_registers(space: Lanes, setting: Setting) -> None:
    registers = 32 if setting.target.lanes in (4, 16) else 16
    tiles = space.tiles(setting)
    assert tiles
    assert len(set(tiles)) == len(tiles)
    assert all(rows * columns * vectors <= registers * 3 // 4 for rows, columns, vectors in tiles)


@pytest.mark.parametrize(("space", "setting"), CASES)
def test_the_default_is_a_member(space: Lanes, setting: Setting) -> None:
    default = space.default(setting)
    assert default.tile in space.tiles(setting)
    assert default.variant in space.variants(setting)
    assert space.nearest(setting, default) == default
    assert space.points(setting) == len(space.tiles(setting)) * len(space.variants(setting))


@LIGHT
@given(operator=conv2ds(groups=1) | denses())
def test_default_and_nearest_of_any_operator(operator: Conv2d | Dense) -> None:
    space, foreign = Lanes(), Point((4, 3, 1), {"order": "filters", "unroll": 3})
    for target in TARGETS:
        setting = Setting(operator, target, 1)
        for point in (space.default(setting), space.nearest(setting, foreign), space.nearest(setting, Point())):
            assert point.tile in space.tiles(setting)
            assert point.variant in space.variants(setting)


def test_prime_sizes_get_tiles_with_a_ragged_end() -> None:
    setting = Setting(PRIME, TARGETS[0], 2)
    ragged = [tile for tile in Lanes().tiles(setting) if 13 % tile[0] or 17 % tile[1]]
    assert {columns for _, columns, _ in ragged} >= {2, 3, 4}
    assert {rows for rows, _, _ in ragged} >= {1, 2, 3, 4}


def test_an_instruction_needs_whole_tiles() -> None:
    for target in TARGETS:
        setting = Setting(RealConv2d(1, 26, 34, 16, 64, stride=(2, 2)), target, 2)
        assert all(13 % rows == 0 and 17 % columns == 0 for rows, columns, _ in DotLoops().tiles(setting))


def test_the_nearest_of_a_member_is_itself_and_of_another_is_close() -> None:
    space, setting = Lanes(), Setting(CONV, TARGETS[0], 2)
    for tile in space.tiles(setting):
        for variant in space.variants(setting):
            assert space.nearest(setting, Point(tile, variant)) == Point(tile, variant)
    narrow = Setting(replace(CONV, height=1), TARGETS[0], 2)
    assert space.nearest(narrow, Point((2, 4, 1), {"order": "filters", "unroll": 1})) == Point(
        (1, 4, 1), {"order": "filters", "unroll": 1}
    )


def test_unrolling_stays_short_and_each_depth_differs() -> None:
    setting = Setting(replace(CONV, in_channels=4096), TARGETS[0], 2)
    assert {variant["unroll"] for variant in Lanes().variants(setting)} == {0}
    shallow = Setting(replace(CONV, in_channels=64), TARGETS[0], 2)
    assert {variant["unroll"] for variant in Lanes().variants(shallow)} == {0, 1}


def test_one_block_of_filters_has_one_order() -> None:
    for channels, orders in ((1, {"pixels"}), (64, {"pixels"}), (65, {"pixels", "filters"})):
        setting = Setting(replace(CONV, out_channels=channels, in_channels=512), TARGETS[0], 2)
        assert {variant["order"] for variant in Lanes().variants(setting)} == orders
        assert Lanes().default(setting).variant["order"] in orders


def test_many_weights_put_filters_outermost() -> None:
    orders = [
        Lanes().default(Setting(replace(CONV, in_channels=channels, out_channels=channels), load("x86-avx512"), 2))
        for channels in (64, 512)
    ]
    assert [point.variant["order"] for point in orders] == ["pixels", "filters"]


def test_the_registry_uses_it() -> None:
    row = row_named(CONV, TARGETS[0], "popcount-lanes")
    assert row is not None
    assert type(row.space) is Lanes
