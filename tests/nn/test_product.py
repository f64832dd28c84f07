import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tvm_bnn.nn.product import Window, scaled_convolution
from tvm_bnn.nn.sign import weight_levels


class Straight(torch.autograd.Function):
    """Levels whose gradient is the identity."""

    @staticmethod
    def forward(ctx: object, weight: Tensor, levels: Tensor) -> Tensor:
        return levels

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def plain(x: Tensor, weight: Tensor, scale: Tensor, unit: Tensor, window: Window) -> Tensor:
    """The same from torch's own operators."""
    levels = Straight.apply(weight, weight_levels(weight, scale, window.bits))  # type: ignore[no-untyped-call]
    sums = functional.conv2d(x, levels, None, window.stride, 0, window.dilation, window.groups)
    return sums * unit.view(1, -1, 1, 1)


def leaves(window: Window, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randint(-3, 4, (2, 4, size, size + 1)).double()
    scale = torch.tensor([0.25, -0.5, 1.0, 0.125, 2.0, 0.75]).double()
    # Some weights lie beyond 1, and some exactly there.
    weight = (torch.randn(6, 4 // window.groups, 3, 3) * 2).round(decimals=1).double() / 2
    unit = scale * 3
    return x.requires_grad_(), weight.requires_grad_(), scale.requires_grad_(), unit.requires_grad_()


@pytest.mark.parametrize("size", [7, 20])
@pytest.mark.parametrize("window", [Window(1), Window(2, stride=2), Window(1, dilation=2), Window(1, groups=2)])
def test_gradients_are_those_of_plain_torch(window: Window, size: int) -> None:
    given, same = leaves(window, size), leaves(window, size)
    ours, theirs = scaled_convolution(*given, window), plain(*same, window)
    assert torch.equal(ours, theirs)
    toward = torch.randn_like(ours)
    ours.backward(toward)
    theirs.backward(toward)
    x, weight, scale, unit = same
    assert given[2].grad is None
    for one, other in ((given[0], x), (given[3], unit)):
        torch.testing.assert_close(one.grad, other.grad)
    assert weight.grad is not None
    passed = weight.grad / scale.detach().abs().view(-1, 1, 1, 1) * (weight.detach().abs() <= 1)
    torch.testing.assert_close(given[1].grad, passed)
    assert (weight.detach().abs() == 1).any()


@pytest.mark.parametrize("scale", [0.25, -0.25])
def test_gradient_of_scaled_weights_is_the_identity_up_to_one(scale: float) -> None:
    weight = torch.tensor([-2.0, -1.0, 0.5, 1.5], requires_grad=True)
    factor = torch.tensor([scale])
    scaled_convolution(torch.ones(1, 4, 1, 1), weight.view(1, 4, 1, 1), factor, factor, Window(1)).sum().backward()
    assert weight.grad is not None
    passed = 1.0 if scale > 0 else -1.0
    assert weight.grad.tolist() == [0, passed, passed, 0]


def test_a_scale_of_nothing_stays_finite() -> None:
    zero = torch.zeros(1, requires_grad=True)
    weight = torch.ones(1, 1, 1, 1, requires_grad=True)
    scaled_convolution(torch.ones(1, 1, 1, 1), weight, zero, zero, Window(1)).sum().backward()
    assert weight.grad is not None
    assert weight.grad.item() == 0
    assert zero.grad is not None
    assert zero.grad.item() == 1


def test_an_input_without_gradient() -> None:
    x, weight, scale, unit = leaves(Window(1), 7)
    scaled_convolution(x.detach(), weight, scale, unit, Window(1)).sum().backward()
    assert x.grad is None
    assert weight.grad is not None
