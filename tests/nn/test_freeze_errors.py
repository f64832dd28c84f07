from collections.abc import Callable

import pytest
from torch import Tensor, nn

from tests.nn.nets import PICTURES, Net
from tvm_bnn.errors import UsageError
from tvm_bnn.nn import BinaryConv2d, freeze

Body = Callable[[Net, Tensor], Tensor]


def layer(net: Net, x: Tensor) -> Tensor:
    result: Tensor = net.layer(x)
    return result


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda net, x: (x, x), "a result of type tuple"),
        (lambda net, x: x if x.sum() > 0 else -x, "cannot freeze Net: .*control flow"),
        (lambda net, x: net.wide(x), "cannot run Net on a picture of 3x16x24"),
    ],
)
def test_computations_that_cannot_be_frozen(body: Body, message: str) -> None:
    layers = {"wide": nn.Conv2d(9, 8, 1)}
    with pytest.raises(UsageError, match=message):
        freeze(Net(8, body, **layers), PICTURES)


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
