from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.nn.nets import segmenter
from tvm_bnn.graph.compare import Run, compiled_trace, first_divergence
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.nn import IntegerNetwork, freeze
from tvm_bnn.ops import AccumulatingOperator
from tvm_bnn.ops.tensors import Array
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice

HOST = resolve_host()
SHAPE = (1, 16, 24, 3)


def compiled_for(network: IntegerNetwork) -> Compiled:
    return compile_network(network, SHAPE, HOST, 2, lambda operator: default_choice(operator, HOST, 2))


@pytest.fixture(scope="module")
def network() -> IntegerNetwork:
    model: nn.Module = segmenter().float().eval()
    return freeze(model)


@pytest.fixture(scope="module")
def compiled(network: IntegerNetwork) -> Compiled:
    return compiled_for(network)


def image(seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


def reference(network: IntegerNetwork, picture: Array) -> Run:
    return network.trace(torch.from_numpy(picture))


@pytest.mark.parametrize("seed", range(4))
def test_every_value_is_the_integer_networks(network: IntegerNetwork, compiled: Compiled, seed: int) -> None:
    wanted = reference(network, image(seed))
    got = compiled_trace(compiled, network, image(seed))
    assert got.keys() == wanted.keys()
    assert first_divergence(network, wanted, got) is None
    for value, array in wanted.items():
        assert got[value].dtype == array.dtype
        np.testing.assert_array_equal(got[value], array, value)


def test_taught_by_the_reference(network: IntegerNetwork, compiled: Compiled) -> None:
    """Every operator reads the teacher's values, whatever came before it: here, those of another picture."""
    teacher = reference(network, image(1))
    got = compiled_trace(compiled, network, image(0), teacher)
    np.testing.assert_array_equal(got["image"], image(0))
    assert first_divergence(network, {**teacher, "image": image(0)}, got) is None


@pytest.mark.parametrize("number", [1, 3, 7])
def test_a_planted_difference_is_found(network: IntegerNetwork, number: int) -> None:
    step = network.integer_steps[number]
    wanted = reference(network, image(2))
    value = step.outputs[0]
    changed = wanted[value].copy()
    place = tuple(extent // 2 for extent in changed.shape)
    changed[place] ^= 1
    changed[tuple(extent - 1 for extent in changed.shape)] ^= 1
    found = first_divergence(network, wanted, {**wanted, value: changed})
    assert found is not None
    assert found.operator == step.name
    assert found.output == step.operator.outputs()[0].name
    assert found.index == place
    assert (found.left, found.right) == (int(wanted[value][place]), int(changed[place]))
    assert (found.count, found.total) == (2, changed.size)
    assert str(found).startswith(f"{step.name}: {found.output}{list(place)} is {found.left} against {found.right}")


def test_a_wrong_parameter_is_found_at_its_operator(network: IntegerNetwork, compiled: Compiled) -> None:
    """The compiled network against one whose threshold or weight was changed by one, free and taught."""
    step = next(s for s in network.integer_steps if s.name == "fine.conv")
    assert isinstance(step.operator, AccumulatingOperator)
    buffers = {name: tensor.numpy().copy() for name, tensor in network.named_buffers()}
    (weight,) = (name for name in step.parameters if name.endswith("weight"))
    buffers[weight][0, 0, 0, 0] ^= 1
    other = IntegerNetwork(network.steps, buffers, network.output, network.stride)
    wrong = reference(other, image(3))
    free = first_divergence(network, wrong, compiled_trace(compiled, network, image(3)))
    assert free is not None
    assert free.operator == "fine.conv"
    taught = compiled_trace(compiled, network, image(3), wrong)
    apart = {s.name for s in network.integer_steps for v in s.outputs if not np.array_equal(taught[v], wrong[v])}
    assert apart == {"fine.conv"}


def test_other_pictures_differ_at_the_picture(network: IntegerNetwork) -> None:
    found = first_divergence(network, reference(network, image(0)), reference(network, image(1)))
    assert found is not None
    assert found.operator == "image"


def test_runs_that_cannot_be_compared(network: IntegerNetwork) -> None:
    run = reference(network, image(0))
    with pytest.raises(ValueError, match="none of its values in both"):
        first_divergence(network, run, {})
    value = network.integer_steps[0].outputs[0]
    with pytest.raises(ValueError, match="one shape in both runs"):
        first_divergence(network, run, {value: run[value][:, :1]})


def test_only_common_values_count(network: IntegerNetwork) -> None:
    run = reference(network, image(0))
    assert first_divergence(network, run, {network.output: run[network.output]}) is None


def test_operators_are_placed_in_the_order_of_the_network(network: IntegerNetwork, compiled: Compiled) -> None:
    placed = [(p.name, p.operator) for p in compiled.operators]
    assert placed == [(step.name, operator) for step, operator in network.at(SHAPE)]
    assert replace(compiled, threads=1).target == HOST
