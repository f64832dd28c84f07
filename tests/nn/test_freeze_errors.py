from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.nn.nets import PICTURES, Net
from tvm_bnn.errors import UsageError
from tvm_bnn.nn import BinaryConv2d, RepeatChannels, Uint8Activation, UpsampleScores, freeze

Body = Callable[[Net, Tensor], Tensor]


def layer(net: Net, x: Tensor) -> Tensor:
    result: Tensor = net.layer(x)
    return result


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sigmoid(), "cannot freeze Sigmoid at layer$"),
        (nn.Conv2d(8, 8, 1), "cannot freeze Conv2d at layer$"),
        (nn.AvgPool2d(3, stride=1), "cannot freeze AvgPool2d.* at layer$"),
        (nn.AvgPool2d(2, padding=1), "without overlap or padding"),
        (nn.AvgPool2d((2, 1)), "square windows"),
        (nn.Upsample(scale_factor=2), "bilinear, without align_corners"),
        (nn.Upsample(scale_factor=4, mode="bilinear"), "factor of 2"),
        (nn.Flatten(), r"'flatten' of a map \[2, 8, 16, 24\] at layer"),
        (nn.BatchNorm2d(8, track_running_stats=False), "BatchNorm2d without running statistics at layer"),
        (nn.PReLU(init=5.0), "slope of 5, expected at most 4"),
        (RepeatChannels(2), "RepeatChannels that does not lead into an addition at layer"),
        (nn.Sequential(UpsampleScores(2), nn.ReLU()), "UpsampleScores before the end of the network at layer.0"),
        (nn.Sequential(Uint8Activation(), nn.AvgPool2d(2)), "AvgPool2d of a picture or of a Uint8Activation"),
        (nn.Sequential(Uint8Activation(), UpsampleScores(2)), "UpsampleScores of a picture"),
    ],
)
def test_layers_that_cannot_be_frozen(module: nn.Module, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        freeze(Net(8, layer, layer=module), PICTURES)
    assert "supported: BinaryConv2d" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda net, x: torch.sigmoid(x), "cannot freeze 'sigmoid' at the network itself"),
        (lambda net, x: x * 2, "cannot freeze 'mul'"),
        (lambda net, x: x + 2, "'add' of anything but two streams"),
        (lambda net, x: torch.add(x, x, alpha=2), "'add' of anything but two streams"),
        (lambda net, x: x.mean((2, 3)), "cannot freeze 'mean'"),
        (lambda net, x: net.repeat(x) + net.repeat(x), "repeated channels on both sides at repeat"),
        (lambda net, x: x + net.byte(x), "the addition of a picture or of a Uint8Activation"),
        (lambda net, x: x + net.pool(x), r"an addition of maps \[2, 8, 16, 24\] and \[2, 8, 1, 1\]"),
        (lambda net, x: (x, x), "a result of type tuple"),
        (lambda net, x: x if x.sum() > 0 else -x, "cannot freeze Net: .*control flow"),
    ],
)
def test_computations_that_cannot_be_frozen(body: Body, message: str) -> None:
    layers = {"repeat": RepeatChannels(2), "byte": Uint8Activation(), "pool": nn.AvgPool2d((16, 24))}
    with pytest.raises(UsageError, match=message):
        freeze(Net(8, body, **layers), PICTURES)


class _Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = _Tanh()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.inner(x)
        return result


class _Tanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.tanh(x)


def test_a_function_is_placed_in_the_module_that_calls_it() -> None:
    with pytest.raises(UsageError, match=r"cannot freeze 'tanh' at layer.inner$"):
        freeze(Net(8, layer, layer=_Nested()), PICTURES)


class _TwoInputs(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


def test_two_inputs() -> None:
    with pytest.raises(UsageError, match="got 2 inputs"):
        freeze(_TwoInputs(), PICTURES)


def test_a_scale_beyond_32_bits() -> None:
    conv = BinaryConv2d(8, 8)
    conv.scale.data[3] = 1e20
    with pytest.raises(UsageError, match=r"cannot freeze layer.0: a scale of 1e\+20"):
        freeze(Net(8, layer, layer=nn.Sequential(conv, nn.ReLU())), PICTURES)


@pytest.mark.parametrize("pictures", [PICTURES.float(), PICTURES[0]])
def test_calibration_of_another_kind(pictures: Tensor) -> None:
    with pytest.raises(UsageError, match="expected uint8"):
        freeze(Net(8, layer, layer=nn.ReLU()), pictures)
