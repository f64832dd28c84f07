import pytest
from hypothesis import given

from tests.strategies import LIGHT, real_conv2ds
from tvm_bnn.lowering.neon_dot import byte_dot
from tvm_bnn.ops import RealConv2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.signed_bytes import SignedByteLoops
from tvm_bnn.targets import Target, load

BOARDS = [load("rpi4"), load("rpi5")]
SPACE = SignedByteLoops()
STEM = RealConv2d(1, 192, 624, 16, 64, stride=(2, 2))


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_tiles_divide_the_map_and_their_sums_and_weights_fit_the_registers(target: Target) -> None:
    setting, dot = Setting(STEM, target, 1), byte_dot(target)
    each = dot.lanes // target.lanes
    tiles = SPACE.tiles(setting)
    assert len(set(tiles)) == len(tiles) > 1
    for rows, columns, vectors in tiles:
        assert 96 % rows == 312 % columns == 64 // dot.lanes % vectors == 0
        assert each * (rows * columns + 1) * vectors < target.peak("vector_registers")
    rows, columns, vectors = SPACE.default(setting).tile
    assert each * rows * columns * vectors >= 16


@LIGHT
@given(operator=real_conv2ds(input_dtype="uint8"))
def test_default_and_nearest_are_members(operator: RealConv2d) -> None:
    for target in BOARDS:
        setting = Setting(operator, target, 1)
        for point in (
            SPACE.default(setting),
            SPACE.nearest(setting, Point((3, 2, 2))),
            SPACE.nearest(setting, Point()),
        ):
            assert point.tile in SPACE.tiles(setting)
            assert point.variant in SPACE.variants(setting)
