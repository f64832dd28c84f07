import pytest
import torch
from torch import nn

from tvm_bnn.models.blocks import BinaryBlock, Encoder
from tvm_bnn.nn.binary import BinaryLayer


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize(("out_channels", "stride"), [(8, 1), (16, 1), (8, 2), (24, 2)])
def test_block_shapes(out_channels: int, stride: int, real: bool) -> None:
    block = BinaryBlock(8, out_channels, stride, real)
    assert block(torch.randn(2, 8, 4, 6)).shape == (2, out_channels, 4 // stride, 6 // stride)


def test_shortcut_pools_and_repeats() -> None:
    block = BinaryBlock(4, 12, stride=2).eval()
    nn.init.zeros_(block.norm.weight)
    x = torch.rand(2, 4, 4, 6)
    pooled = x.unfold(2, 2, 2).unfold(3, 2, 2).mean((-2, -1))
    torch.testing.assert_close(block(x), block.activation(torch.cat([pooled] * 3, 1)))


def test_shortcut_is_the_map_itself_where_nothing_changes() -> None:
    block = BinaryBlock(4, 4).eval()
    x = torch.randn(2, 4, 3, 5)
    torch.testing.assert_close(block(x), block.activation(block.norm(block.conv(x)) + x))


@pytest.mark.parametrize("real", [False, True])
def test_stages_halve_the_map(real: bool) -> None:
    encoder = Encoder((8, 16, 16, 32), (1, 2, 1, 3), real)
    shapes = [tuple(stage.shape) for stage in encoder(torch.randn(2, 8, 16, 24))]
    assert shapes == [(2, 8, 16, 24), (2, 16, 8, 12), (2, 16, 4, 6), (2, 32, 2, 3)]
    blocks = [layer for layer in encoder.modules() if isinstance(layer, BinaryBlock)]
    assert len(blocks) == 7
    assert all(isinstance(block.conv, BinaryLayer) != real for block in blocks)


def test_a_twin_has_the_same_windows() -> None:
    encoder, twin = (Encoder((8, 16), (1, 2), real) for real in (False, True))

    def windows(one: Encoder) -> list[torch.Size]:
        blocks = [layer for layer in one.modules() if isinstance(layer, BinaryBlock)]
        return [block.conv.get_parameter("weight").shape for block in blocks]

    assert windows(encoder) == windows(twin)
