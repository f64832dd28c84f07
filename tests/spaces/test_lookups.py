from dataclasses import replace

import pytest
from hypothesis import given

from tests.strategies import LIGHT, conv2ds, denses
from tvm_bnn.ops import Conv2d, Dense, Epilogue
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.lookups import Lookups
from tvm_bnn.targets import load

AVX2, AVX512 = load("x86-avx2"), load("x86-avx512")
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
CASES = [Setting(operator, target, 2) for operator in OPERATORS for target in (AVX2, AVX512)]


@pytest.mark.parametrize("setting", CASES)
def test_sums_fit_the_registers_beside_weights_a_table_and_what_it_gives(setting: Setting) -> None:
    registers = 32 if setting.target is AVX512 else 16
    tiles = Lookups().tiles(setting)
    assert len(set(tiles)) == len(tiles) > 0
    assert all(rows * columns * vectors + vectors + 2 <= registers for rows, columns, vectors in tiles)


@pytest.mark.parametrize("setting", CASES)
def test_the_default_is_a_member(setting: Setting) -> None:
    default = Lookups().default(setting)
    assert default.tile in Lookups().tiles(setting)
    assert default.variant in Lookups().variants(setting)
    assert Lookups().nearest(setting, default) == default


@LIGHT
@given(operator=conv2ds(groups=1) | denses())
def test_default_and_nearest_of_any_operator(operator: Conv2d | Dense) -> None:
    space, foreign = Lookups(), Point((4, 3, 1), {"order": "filters", "unroll": 3})
    for target in (AVX2, AVX512):
        setting = Setting(operator, target, 1)
        for point in (space.default(setting), space.nearest(setting, foreign), space.nearest(setting, Point())):
            assert point.tile in space.tiles(setting)
            assert point.variant in space.variants(setting)


def test_vectors_of_a_tile_divide_all_of_them_and_fill_words() -> None:
    def extents(**fields: object) -> set[int]:
        conv = replace(CONV, **fields)  # type: ignore[arg-type]
        return {vectors for _, _, vectors in Lookups().tiles(Setting(conv, AVX2, 1))}

    assert extents() == {1, 2, 4}
    assert extents(out_channels=192) == {1, 2, 3}
    assert extents(in_channels=256, out_channels=64, groups=4) == {2, 4}
    assert extents(out_channels=16, epilogue=Epilogue()) == {1}


def test_many_weights_put_filters_outermost() -> None:
    orders = [
        Lookups().default(Setting(replace(CONV, in_channels=channels, out_channels=channels), AVX2, 1)).variant["order"]
        for channels in (64, 128, 512)
    ]
    assert orders == ["pixels", "pixels", "filters"]


def test_the_default_has_few_instructions_a_sum() -> None:
    """Several pixels share weights, several vectors a table, as far as the registers and the map allow."""
    assert Lookups().default(Setting(CONV, AVX2, 1)).tile == (1, 2, 4)
    assert Lookups().default(Setting(replace(CONV, height=1, width=1), AVX2, 1)).tile == (1, 1, 4)
