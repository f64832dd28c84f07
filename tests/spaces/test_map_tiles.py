from dataclasses import replace

import pytest

from tvm_bnn.ops import Conv2d, Dense
from tvm_bnn.spaces.base import Setting
from tvm_bnn.spaces.map_tiles import convolution_of, cost, map_size, pixel_tiles
from tvm_bnn.targets import load

CONV = Conv2d(1, 13, 20, 64, 128, stride=(1, 2))


def setting(operator: Conv2d | Dense) -> Setting:
    return Setting(operator, load("x86-avx2"), 1)


def test_rows_of_a_dense_layer_are_columns_of_a_map() -> None:
    dense = Dense(37, 200, 128)
    assert map_size(setting(dense)) == (1, 37)
    assert convolution_of(setting(dense)) == dense.as_conv2d()
    assert map_size(setting(CONV)) == (13, 10)
    assert convolution_of(setting(CONV)) is CONV


def test_tiles_divide_the_map_or_leave_a_short_end() -> None:
    tiles = pixel_tiles(setting(CONV))
    assert {rows for rows, _ in tiles} == {1, 2, 3, 4}
    assert {columns for _, columns in tiles} == {1, 2, 3, 4, 5, 6, 10}
    assert pixel_tiles(setting(replace(CONV, height=1, width=1))) == [(1, 1)]


def test_the_cost_counts_instructions_of_a_sum() -> None:
    assert cost(setting(replace(CONV, height=12)), (2, 2, 4), term=3, pixel=2) == pytest.approx(
        3 + 2 / 4 + 1 / 4 + 2 / 16
    )


def test_a_ragged_end_costs_what_it_computes_in_vain() -> None:
    whole, ragged = (cost(setting(replace(CONV, height=height)), (4, 2, 2), 2, 2) for height in (16, 13))
    assert ragged > whole * 16 / 13
