import pytest
import torch
from torch import nn

from tvm_bnn.nn import BinaryConv2d
from tvm_bnn.nn.twin import convolution


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_both_have_the_same_window(kernel_size: int, stride: int, dilation: int) -> None:
    binary, real = (
        convolution(4, 6, kernel_size, stride=stride, dilation=dilation, real=real) for real in (False, True)
    )
    x = torch.randn(2, 4, 7, 10)
    assert binary(x).shape == real(x).shape == (2, 6, -(-7 // stride), -(-10 // stride))
    assert isinstance(binary, BinaryConv2d)
    assert isinstance(real, nn.Conv2d)
    assert binary.weight.shape == real.weight.shape
    # On signs, away from the border, they differ in the weights alone.
    assert real.bias is None
    signs = torch.where(x >= 0, 1.0, -1.0)
    real.weight.data = torch.where(binary.weight >= 0, 1.0, -1.0) * binary.scale.detach().view(-1, 1, 1, 1)
    reach = -(-dilation * (kernel_size // 2) // stride)
    rows, columns = slice(reach, -reach or None), slice(reach, -reach or None)
    torch.testing.assert_close(binary(signs)[..., rows, columns], real(signs)[..., rows, columns])


def test_binary_unless_told_otherwise() -> None:
    assert isinstance(convolution(4, 6, 3), BinaryConv2d)


def test_the_twin_is_real() -> None:
    real = convolution(4, 6, 3, real=True)
    x = torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(real(0.5 * x), 0.5 * real(x))
