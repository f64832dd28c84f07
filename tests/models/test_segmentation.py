import pytest
import torch

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.models import config as module
from tvm_bnn.models.config import SegmentationConfig, Width
from tvm_bnn.models.segmentation import BinaryBlock, SegmentationNet

CLASSES = tuple(ClassInfo(name, (0, 0, value)) for value, name in enumerate("abc"))


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> SegmentationConfig:
    monkeypatch.setitem(module.WIDTHS, "S", Width((8, 16, 32, 64), (1, 2, 1, 1)))
    return SegmentationConfig("small", CLASSES, (64, 96))


def test_scores_for_every_pixel(config: SegmentationConfig) -> None:
    network = SegmentationNet(config).eval()
    picture = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    assert network(picture).shape == (2, 3, 64, 96)


def test_everything_learns(config: SegmentationConfig) -> None:
    network = SegmentationNet(config)
    network(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)).square().mean().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []


@pytest.mark.parametrize(("out_channels", "stride"), [(8, 1), (16, 1), (8, 2), (24, 2)])
def test_block(out_channels: int, stride: int) -> None:
    block = BinaryBlock(8, out_channels, stride)
    assert block(torch.randn(2, 8, 4, 6)).shape == (2, out_channels, 4 // stride, 6 // stride)
