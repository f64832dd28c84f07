import itertools
import json

import pytest

from benchmarks.layers import LAYERS
from benchmarks.peers.cases import Layer, Network, case_from_dict, difference
from benchmarks.peers.sections import case_of
from tvm_bnn.ops import Conv2d

HALVING = Layer(64, 128, 128, 256, stride=2)


@pytest.mark.parametrize("conv", LAYERS.values(), ids=list(LAYERS))
def test_others_are_told_of_the_same_layer(conv: Conv2d) -> None:
    case = case_of(conv)
    assert case.macs == conv.cost().binary_macs
    assert case.output_size == conv.output_size
    assert (case.padding, case.padding) == conv.padding


@pytest.mark.parametrize(
    "case", [HALVING, Layer(8, 6, 64, 64, dilation=2, groups=4), Network("ecssd", "S", (320, 320))]
)
def test_cases_travel_as_json(case: Layer | Network) -> None:
    assert case_from_dict(json.loads(json.dumps(case.to_dict()))) == case


def test_a_layer_that_keeps_its_shape_follows_itself() -> None:
    layer = Layer(56, 56, 64, 64)
    chain = difference(layer)
    assert (chain.longer, chain.shorter, chain.count) == ((layer,) * 5, (layer,), 4)


def test_a_layer_that_changes_its_shape_is_what_two_networks_differ_by() -> None:
    chain = difference(HALVING)
    apart = sum(layer.macs for layer in chain.longer) - sum(layer.macs for layer in chain.shorter)
    assert chain.count == 1
    assert HALVING.macs < apart < 1.02 * HALVING.macs


@pytest.mark.parametrize("layer", [HALVING, Layer(14, 14, 256, 256), Layer(64, 128, 256, 256, groups=4)])
def test_layers_of_a_network_fit_each_other(layer: Layer) -> None:
    chain = difference(layer)
    for network in (chain.longer, chain.shorter):
        for before, after in itertools.pairwise(network):
            assert before.output_size == (after.height, after.width)
            assert before.out_channels == after.in_channels
    first, last = chain.longer[-1], chain.shorter[-1]
    assert (first.output_size, first.out_channels) == (last.output_size, last.out_channels)
