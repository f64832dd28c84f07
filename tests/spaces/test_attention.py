from dataclasses import replace

import pytest
from hypothesis import given

from tests.strategies import LIGHT, pooled_attentions
from tvm_bnn.lowering.pooled_attention import value_vectors
from tvm_bnn.ops import PooledAttention
from tvm_bnn.spaces.attention import AttentionByteLoops, AttentionLoops, AttentionQuadLoops
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load, names

TARGETS = [load(name) for name in names()]
SPACE = AttentionLoops()
PLAIN = PooledAttention(1, 48, 156, 110, 64, 128)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("bits", [1, 4])
def test_tiles_divide_the_map_and_their_sums_fit_the_registers(target: Target, bits: int) -> None:
    setting = Setting(replace(PLAIN, value_bits=bits), target, 2)
    tiles = SPACE.tiles(setting)
    vectors = value_vectors(replace(PLAIN, value_bits=bits), setting.target)
    assert len(set(tiles)) == len(tiles) > 1
    for columns, held in tiles:
        assert 156 % columns == vectors % held == 0
        assert columns * held <= setting.target.peak("vector_registers") * 3 // 4


@LIGHT
@given(operator=pooled_attentions())
def test_default_and_nearest_are_members(operator: PooledAttention) -> None:
    for target in TARGETS:
        setting = Setting(operator, target, 1)
        for point in (SPACE.default(setting), SPACE.nearest(setting, Point((3, 2))), SPACE.nearest(setting, Point())):
            assert point.tile in SPACE.tiles(setting)
            assert point.variant in SPACE.variants(setting)


def test_the_default_shares_loads() -> None:
    for target in TARGETS:
        columns, vectors = SPACE.default(Setting(PLAIN, target, 2)).tile
        assert columns > 1
        assert vectors > 1
        assert columns * vectors <= target.peak("vector_registers") // 2


def test_channels_that_fill_no_whole_vectors_stay_together() -> None:
    for channels, vectors in ((33, 2), (1, 1), (1000, 32)):
        setting = Setting(replace(PLAIN, value_channels=channels), load("x86-avx512"), 1)
        assert {held for _, held in SPACE.tiles(setting)} == {vectors}


@pytest.mark.parametrize(
    ("space", "target", "sums"), [(AttentionByteLoops(), "rpi4", 2), (AttentionQuadLoops(), "rpi5", 1)]
)
def test_sums_and_values_of_bytes_fit_the_registers(space: AttentionByteLoops, target: str, sums: int) -> None:
    setting = Setting(PLAIN, load(target), 1)
    for columns, vectors in space.tiles(setting):
        assert 156 % columns == 0
        assert 128 % (vectors * (16 if sums == 2 else 4)) == 0
        assert sums * (columns + 1) * vectors < 32
    assert space.default(setting).tile in space.tiles(setting)
