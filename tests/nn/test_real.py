import pytest
import torch
from torch.nn import functional

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import RealConv2d


def test_picture_is_scaled() -> None:
    layer = RealConv2d(3, 4, picture=True)
    layer.weight.data = torch.randint(-127, 128, layer.weight.shape) / 128
    picture = torch.randint(0, 256, (1, 3, 5, 6), dtype=torch.uint8)
    torch.testing.assert_close(layer(picture), functional.conv2d(picture / 256, layer.weight, padding=1))


def test_bias_and_stride() -> None:
    layer = RealConv2d(2, 3, kernel_size=1, stride=2, bias=True)
    assert layer.bias is not None
    layer.bias.data.fill_(7)
    layer.weight.data.zero_()
    assert torch.equal(layer(torch.randn(1, 2, 4, 4)), torch.full((1, 3, 2, 2), 7.0))


def test_wrong_arguments() -> None:
    with pytest.raises(UsageError, match="3 -> 0"):
        RealConv2d(3, 0)
