import pytest

from tvm_bnn.lowering.tile_block import TileBlock


def block(rows: int, columns: int) -> TileBlock:
    return TileBlock(rows, columns, (3, 3), 2, stride=2, dilation=(1, 2))


def test_shapes_are_of_the_window() -> None:
    assert block(2, 2).map_shape == (3, 31 * 2 + 5, 2, 16, 4)
    assert block(1, 4).weight_shape == (4, 3, 3, 2, 16, 16, 4)
    assert block(4, 1).sum_shape == (64, 1, 1, 16)


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (3, 2), (1, 7), (7, 1)])
def test_operands_need_tiles_too(rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match=f"a block of {rows}x{columns} tiles needs 9 of 8"):
        block(rows, columns)
