from dataclasses import replace

import pytest

from tvm_bnn.ops import Conv2d, Dense, Epilogue
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.words import Words
from tvm_bnn.targets import load, names

TARGETS = [load(name) for name in names()]
CONV = Conv2d(1, 12, 20, 512, 128, epilogue=Epilogue(outputs=("signs",)))
OPERATORS = (
    CONV,
    replace(CONV, height=13, width=17, out_channels=5, epilogue=Epilogue()),
    replace(CONV, height=1, width=1),
    Dense(37, 2048, 130),
)
CASES = [Setting(operator, target, 2) for operator in OPERATORS for target in TARGETS]


@pytest.mark.parametrize("setting", CASES)
def test_sums_leave_registers_to_operands(setting: Setting) -> None:
    limit = setting.target.peak("vector_registers") * 3 / 4
    tiles = Words().tiles(setting)
    assert len(set(tiles)) == len(tiles) > 0
    assert all(rows * columns * filters <= limit for rows, columns, filters in tiles)


@pytest.mark.parametrize("setting", CASES)
def test_the_default_is_a_member(setting: Setting) -> None:
    space, default = Words(), Words().default(setting)
    for point in (default, space.nearest(setting, Point((2, 3, 4), {"order": "filters"}))):
        assert point.tile in space.tiles(setting)
        assert point.variant in space.variants(setting)
    assert space.nearest(setting, default) == default


def test_blocks_of_whole_words_come_in_two_orders() -> None:
    for channels, orders in ((64, ["pixels"]), (128, ["pixels", "filters"]), (130, ["pixels"])):
        setting = Setting(replace(CONV, out_channels=channels), TARGETS[0], 1)
        assert [variant["order"] for variant in Words().variants(setting)] == orders


def test_many_weights_put_filters_outermost() -> None:
    small, large = replace(CONV, in_channels=256), replace(CONV, in_channels=1024, out_channels=512)
    target = load("x86-avx512")
    assert [Words().default(Setting(conv, target, 1)).variant["order"] for conv in (small, large)] == [
        "pixels",
        "filters",
    ]
