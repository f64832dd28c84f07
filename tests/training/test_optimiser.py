import pytest
import torch

from tests.training.coloured import CONFIG
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import RealConv2d
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.training.optimiser import clip_binary_weights, learning_rate_at, make_optimiser


def test_only_weights_that_are_not_binary_decay() -> None:
    network = SegmentationNet(CONFIG)
    decaying, steady = make_optimiser(network, 0.5).param_groups
    assert (decaying["weight_decay"], steady["weight_decay"]) == (0.5, 0)
    real = {id(layer.weight) for layer in network.modules() if isinstance(layer, RealConv2d)}
    assert {id(parameter) for parameter in decaying["params"]} == real
    assert len(decaying["params"]) + len(steady["params"]) == len(list(network.parameters()))


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate_at(step, 100, 0.5, 0.1) for step in range(100)]
    assert rates.index(max(rates)) == 10
    assert max(rates) == 0.5
    assert rates[0] == pytest.approx(0.5 / 11)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 1e-3


@pytest.mark.parametrize("warmup", [0.0, 0.05])
def test_a_single_step_learns(warmup: float) -> None:
    assert learning_rate_at(0, 1, 0.5, warmup) > 0.2


def test_binary_weights_stay_where_gradients_reach_them() -> None:
    network = SegmentationNet(CONFIG)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.5)
    clip_binary_weights(network)
    for layer in network.modules():
        if isinstance(layer, BinaryLayer):
            assert layer.weight.max() == 1
        elif isinstance(layer, RealConv2d):
            assert layer.weight.max() == 1.5
