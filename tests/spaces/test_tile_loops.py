from dataclasses import replace

import pytest

from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import Conv2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.tile_loops import TileLoops
from tvm_bnn.targets import load

AMX = load("x86-amx")
CONV = Conv2d(1, 12, 64, 64, 128)
SIZES = (1, 15, 16, 17, 32, 33, 48, 64, 65, 128)


def blocks(conv: Conv2d) -> set[int | str]:
    return {variant["block"] for variant in TileLoops().variants(Setting(conv, AMX, 2))}


@pytest.mark.parametrize("width", SIZES)
def test_the_default_is_a_member(width: int) -> None:
    space, setting = TileLoops(), Setting(replace(CONV, width=width), AMX, 2)
    for point in (space.default(setting), space.nearest(setting, Point((5,), {"order": "filters"}))):
        assert point.tile in space.tiles(setting)
        assert point.variant in space.variants(setting)
    assert space.points(setting) == len(space.tiles(setting)) * len(space.variants(setting))


def test_blocks_divide_a_row_of_tiles() -> None:
    assert blocks(CONV) == {"2x2", "1x4", "4x1"}
    assert blocks(replace(CONV, width=32)) == {"2x2", "1x4"}
    assert blocks(replace(CONV, width=33)) == {"1x4"}


def test_one_block_of_filters_has_one_order() -> None:
    setting = Setting(replace(CONV, out_channels=64), AMX, 2)
    assert {variant["order"] for variant in TileLoops().variants(setting)} == {"pixels"}


def test_strips_divide_the_map() -> None:
    assert TileLoops().tiles(Setting(CONV, AMX, 2)) == [(1,), (2,), (3,), (4,), (6,), (12,)]
    assert TileLoops().tiles(Setting(replace(CONV, height=13), AMX, 2)) == [(1,), (13,)]
    assert max(TileLoops().tiles(Setting(replace(CONV, height=64), AMX, 2))) == (16,)


def test_what_leaves_the_cache_decides_the_default() -> None:
    small = TileLoops().default(Setting(CONV, AMX, 2)).variant
    assert (small["order"], small["expand"], small["block"]) == ("pixels", "map", "2x2")
    large = TileLoops().default(Setting(replace(CONV, height=256, width=512), AMX, 2)).variant
    assert (large["order"], large["expand"]) == ("pixels", "strip")
    deep = TileLoops().default(Setting(replace(CONV, in_channels=512, out_channels=512), AMX, 2)).variant
    assert (deep["order"], deep["expand"]) == ("filters", "map")


def test_every_thread_gets_strips() -> None:
    high, low = replace(CONV, height=64), replace(CONV, height=4)
    heights = [TileLoops().default(Setting(conv, AMX, threads)).tile for conv in (high, low) for threads in (1, 2, 4)]
    assert heights == [(16,), (8,), (4,), (4,), (1,), (1,)]


def test_the_registry_uses_it() -> None:
    row = row_named(CONV, AMX, "binary-amx")
    assert row is not None
    assert type(row.space) is TileLoops
    assert row_named(CONV, load("x86-avx512"), "binary-amx") is None
