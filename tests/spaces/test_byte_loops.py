from dataclasses import replace

import pytest

from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import Conv2d, Dense
from tvm_bnn.spaces.base import Setting
from tvm_bnn.spaces.byte_loops import ByteLoops
from tvm_bnn.targets import load

AVX512 = load("x86-avx512")
CONV = Conv2d(1, 12, 20, 64, 128)


@pytest.mark.parametrize("operator", [CONV, replace(CONV, in_channels=3, height=13), Dense(37, 200, 128)])
def test_the_default_is_a_member(operator: Conv2d | Dense) -> None:
    space, setting = ByteLoops(), Setting(operator, AVX512, 2)
    default = space.default(setting)
    assert default.tile in space.tiles(setting)
    assert default.variant in space.variants(setting)
    assert space.nearest(setting, default) == default


def test_unrolling_counts_instructions() -> None:
    """Of 64 channels 16 instructions; a single block of channels is no step; three taps are too long."""
    whole = ByteLoops().variants(Setting(CONV, AVX512, 2))
    assert {variant["unroll"] for variant in whole} == {0, 1}
    few = ByteLoops().variants(Setting(replace(CONV, in_channels=8), AVX512, 2))
    assert {variant["unroll"] for variant in few} == {0, 1, 3}


def test_both_orders_where_there_are_blocks_of_filters() -> None:
    assert {variant["order"] for variant in ByteLoops().variants(Setting(CONV, AVX512, 2))} == {"pixels", "filters"}
    single = Setting(replace(CONV, out_channels=64), AVX512, 2)
    assert {variant["order"] for variant in ByteLoops().variants(single)} == {"pixels"}


@pytest.mark.parametrize("operator", [CONV, Dense(37, 200, 128)])
def test_the_registry_uses_it(operator: Conv2d | Dense) -> None:
    row = row_named(operator, AVX512, "binary-dot")
    assert row is not None
    assert type(row.space) is ByteLoops
