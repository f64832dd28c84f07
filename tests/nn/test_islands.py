"""Ordinary operators between integer ones: what they become, and that they compute what torch computes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.nn.nets import IMAGE, PICTURES, Net
from tvm_bnn.nn import BinaryConv2d, RepeatChannels, Uint8Activation, UpsampleScores, freeze
from tvm_bnn.nn.island import FloatOperator, FloatStep

Body = Callable[[Net, Tensor], Tensor]


def layer(net: Net, x: Tensor) -> Tensor:
    result: Tensor = net.layer(x)
    return result


def islands(net: nn.Module) -> list[FloatStep]:
    return [step for step in freeze(net, PICTURES).steps if isinstance(step, FloatStep)]


@pytest.mark.parametrize(
    ("module", "functions"),
    [
        (nn.Sigmoid(), ("Sigmoid",)),
        (nn.Conv2d(8, 8, 1), ("Conv2d",)),
        (nn.AvgPool2d(3, stride=1), ("AvgPool2d",)),
        (nn.AvgPool2d(2, padding=1), ("AvgPool2d",)),
        (nn.AvgPool2d((2, 1)), ("AvgPool2d",)),
        (nn.Upsample(scale_factor=2), ("Upsample",)),
        (nn.Upsample(scale_factor=4, mode="bilinear"), ("Upsample",)),
        (nn.Flatten(), ("Flatten",)),
        (nn.BatchNorm2d(8, track_running_stats=False), ("BatchNorm2d",)),
        (nn.PReLU(init=5.0), ("PReLU",)),
        (RepeatChannels(2), ("RepeatChannels",)),
        (nn.Sequential(UpsampleScores(2), nn.ReLU()), ("UpsampleScores", "ReLU")),
        (nn.Sequential(Uint8Activation(), nn.AvgPool2d(2)), ("AvgPool2d",)),
        (nn.Sequential(Uint8Activation(), UpsampleScores(2)), ("UpsampleScores",)),
    ],
)
def test_layers_without_an_integer_form(module: nn.Module, functions: tuple[str, ...]) -> None:
    (island,) = islands(Net(8, layer, layer=module))
    assert island.functions == functions
    assert island.name.startswith("layer")


@pytest.mark.parametrize(
    ("body", "exact"),
    [
        (lambda net, x: torch.sigmoid(x), False),
        (lambda net, x: x * 2, False),
        (lambda net, x: x.mean((2, 3)), False),
        (lambda net, x: x + net.byte(x), False),
        (lambda net, x: x + net.pool(x), False),
        (lambda net, x: torch.cat([x, x.flip(3)], 1), True),
        (lambda net, x: functional.max_pool2d(x, 2), True),
        (lambda net, x: functional.interpolate(x, scale_factor=2, mode="nearest"), True),
        (lambda net, x: functional.interpolate(x, size=(24, 36), mode="nearest"), False),
        (lambda net, x: x[:, :4].clamp(0, 1), True),
    ],
)
def test_what_rounds_may_differ_from_target_to_target(body: Body, exact: bool) -> None:
    network = freeze(Net(8, body, byte=Uint8Activation(), pool=nn.AvgPool2d((16, 24))), PICTURES)
    assert network.bit_identical == exact


def test_an_island_computes_what_torch_computes() -> None:
    """From the very integers that the steps before it write, and within half a unit where it writes integers."""
    conv = nn.Conv2d(8, 6, 3, padding=1)
    network = freeze(Net(8, lambda net, x: net.binary(torch.tanh(net.layer(x))), layer=conv, binary=BinaryConv2d(6, 4)))
    (island,) = (step for step in network.steps if isinstance(step, FloatStep))
    trace = network.trace(IMAGE)
    (read,), (written,) = island.inputs, island.outputs
    (fraction,) = island.module.fractions
    assert fraction is not None
    x = torch.from_numpy(trace[read]).permute(0, 3, 1, 2).float() * 2.0 ** -island.module.reads[0].fraction  # type: ignore[operator]
    exact = torch.tanh(conv(x)).permute(0, 2, 3, 1).detach().numpy() * 2.0**fraction
    assert trace[written].dtype == np.int16
    assert np.abs(trace[written] - exact).max() <= 0.5 + 1e-3


def test_neighbours_are_one_island_and_a_real_result_stays_real() -> None:
    net = Net(8, lambda net, x: torch.softmax(net.layer(x).flatten(1), 1), layer=nn.Conv2d(8, 2, 1))
    (island,) = islands(net)
    assert island.functions == ("Conv2d", "flatten", "softmax")
    assert island.inexact == ("Conv2d", "softmax")
    result = freeze(net, PICTURES)(IMAGE)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.sum(1), torch.ones(len(IMAGE)))


def test_sizes_and_work_are_known_without_computing() -> None:
    network = freeze(Net(8, layer, layer=nn.Conv2d(8, 6, 3, padding=1)), PICTURES)
    (found,) = (operator for _, operator in network.at((1, 32, 40, 3)) if isinstance(operator, FloatOperator))
    assert [spec.shape for spec in found.outputs()] == [(1, 6, 32, 40)]
    assert found.cost().real_macs == 32 * 40 * 6 * 8 * 9
    assert found.numbers == 6 * 8 * 9 + 6
    assert [name for name, _ in network.operators_at((1, 32, 40, 3))] == [s.name for s in network.steps[:-1]]


class _Inner(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.tanh(x)


class _Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = _Inner()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.inner(x)
        return result


def test_a_function_is_placed_in_the_module_that_calls_it() -> None:
    (island,) = islands(Net(8, layer, layer=_Nested()))
    assert island.name == "layer.inner"
