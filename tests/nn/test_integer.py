import math

import pytest
import torch

from tests.nn.nets import IMAGE, PICTURES, Net, ready, segmenter
from tvm_bnn.errors import UsageError
from tvm_bnn.nn import BinaryConv2d, BinaryLinear, IntegerNetwork, freeze
from tvm_bnn.nn.calibration import synthetic_pictures
from tvm_bnn.nn.integer import IMAGE as IMAGE_ID
from tvm_bnn.ops import Labels


@pytest.fixture(scope="module")
def network() -> IntegerNetwork:
    return freeze(segmenter(), PICTURES)


def test_trace_holds_every_value(network: IntegerNetwork) -> None:
    values = network.trace(IMAGE)
    assert set(values) == {IMAGE_ID, *(name for step in network.integer_steps for name in step.outputs)}
    assert (values[network.output] == network(IMAGE).numpy()).all()


def test_parameters_are_what_the_operators_read(network: IntegerNetwork) -> None:
    for step in network.integer_steps:
        specs = [spec for spec in step.operator.inputs() if spec.role == "parameter"]
        buffers = [network.get_buffer(name) for name in step.parameters]
        assert [(tuple(b.shape), b.dtype) for b in buffers] == [(s.shape, getattr(torch, s.dtype)) for s in specs]


@pytest.mark.parametrize("shape", [(1, 16, 24, 3), (3, 32, 8, 3)])
def test_operators_at_another_size(network: IntegerNetwork, shape: tuple[int, ...]) -> None:
    image = synthetic_pictures(shape[0], (shape[1], shape[2])).permute(0, 2, 3, 1)
    values = network.trace(image)
    for step, operator in network.at(shape):
        specs = [spec for spec in operator.inputs() if spec.role == "data"]
        assert [values[name].shape for name in step.inputs] == [spec.shape for spec in specs]
        assert [values[name].shape for name in step.outputs] == [spec.shape for spec in operator.outputs()]


def test_maps_that_cannot_be_added(network: IntegerNetwork) -> None:
    with pytest.raises(UsageError, match=r"coarse.conv: expected shortcut of shape \[1, 3, 3, 32\]|expected shortcut"):
        network.at((1, 20, 20, 3))


def test_maps_that_are_too_small() -> None:
    valid = freeze(ready(Net(8, lambda net, x: net.conv(x), conv=BinaryConv2d(8, 8, padding=0))), PICTURES)
    with pytest.raises(UsageError, match="conv: conv2d: kernel"):
        valid.at((1, 2, 2, 3))


def test_linear_layers_read_rows() -> None:
    body = lambda net, x: net.linear(net.pool(x).flatten(1))  # noqa: E731
    pictures = PICTURES[:, :, :4, :4]
    net = ready(Net(8, body, pool=torch.nn.AvgPool2d(4), linear=BinaryLinear(8, 5)), pictures)
    network = freeze(net, pictures)
    assert network.at((7, 4, 4, 3))[-1][1].inputs()[0].shape == (7, 2)
    assert network(IMAGE[:, :4, :4]).shape == (2, 5)


def test_export_keeps_one_call_per_step(network: IntegerNetwork) -> None:
    program = torch.export.export(network, (IMAGE,))
    calls = [n for n in program.graph.nodes if n.op == "call_function" and n.target.__module__ != "_operator"]
    assert [(str(n.target), n.args[1], n.args[2]) for n in calls] == [
        (f"tvm_bnn.integer_{step.operator.kind}.default", step.operator.signature, step.name)
        for step in network.integer_steps
    ]
    assert torch.equal(program.module()(IMAGE), network(IMAGE))


def test_the_last_step_may_be_a_stream() -> None:
    network = freeze(ready(Net(8, lambda net, x: x)), PICTURES)
    result = network(IMAGE)
    assert result.dtype == torch.int16
    assert result.shape == (2, 16, 24, 8)


def test_labels_cover_the_picture(network: IntegerNetwork) -> None:
    labels = network(IMAGE)
    last = network.integer_steps[-1].operator
    assert isinstance(last, Labels)
    assert labels.dtype == torch.uint8
    assert math.prod(labels.shape) == 2 * 16 * 24
    assert int(labels.max()) < last.classes
