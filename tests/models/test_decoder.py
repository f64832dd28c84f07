from typing import get_args

import pytest
import torch
from torch.nn import functional

from tvm_bnn.models.config import Upsampling
from tvm_bnn.models.decoder import DecoderLevel, SingleUpsample
from tvm_bnn.nn import BinaryConv2d, ChannelGate, MultiBranchUpsample
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.gate import LearnedGate


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("upsampling", get_args(Upsampling))
def test_a_level_doubles_and_merges(upsampling: Upsampling, real: bool) -> None:
    level = DecoderLevel(16, 8, upsampling, real)
    assert level(torch.randn(2, 16, 3, 5), torch.randn(2, 8, 6, 10)).shape == (2, 8, 6, 10)
    assert any(isinstance(layer, BinaryLayer) for layer in level.modules()) != real


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("upsampling", get_args(Upsampling))
def test_everything_learns(upsampling: Upsampling, real: bool) -> None:
    level = DecoderLevel(16, 8, upsampling, real)
    maps = [torch.randn(shape, requires_grad=True) for shape in ((2, 16, 3, 5), (2, 8, 6, 10))]
    level(*maps).square().mean().backward()
    assert [name for name, parameter in level.named_parameters() if parameter.grad is None] == []
    assert all(x.grad is not None and bool(x.grad.any()) for x in maps)


def test_single_branch_by_its_definition() -> None:
    upsample = SingleUpsample(16, 8, kernel_size=5).eval()
    coarse, shortcut = torch.randn(2, 16, 3, 5), torch.randn(2, 8, 6, 10)
    features = upsample.norm(upsample.conv(coarse))
    expected = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False) + shortcut
    torch.testing.assert_close(upsample(coarse, shortcut), expected)


@pytest.mark.parametrize(("upsampling", "windows"), [("bilinear", [1]), ("single", [5]), ("multi-branch", [3, 3, 3])])
def test_windows(upsampling: Upsampling, windows: list[int]) -> None:
    upsample = DecoderLevel(16, 8, upsampling).upsample
    assert [layer.kernel_size for layer in upsample.modules() if isinstance(layer, BinaryConv2d)] == windows


def test_one_branch_does_about_the_work_of_three() -> None:
    def taps(upsampling: Upsampling) -> int:
        layers = DecoderLevel(16, 8, upsampling).upsample.modules()
        return sum(layer.weight[0, 0].numel() for layer in layers if isinstance(layer, BinaryConv2d))

    assert taps("single") == pytest.approx(taps("multi-branch"), rel=0.1)


def test_gates_are_learned_numbers() -> None:
    upsample = DecoderLevel(16, 8, "multi-branch").upsample
    assert isinstance(upsample, MultiBranchUpsample)
    gates = [layer for layer in upsample.modules() if isinstance(layer, LearnedGate | ChannelGate)]
    assert [type(layer) for layer in gates] == [LearnedGate] * 3
