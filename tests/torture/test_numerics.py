"""Random layers and networks, on one target of every instruction set, give the integer reference's bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lowering import running
from tests.strategies import operators, random_inputs, seeds
from tests.torture.counts import count
from tests.torture.networks import random_network
from tests.torture.results import record
from tvm_bnn.deploy.vm import machine, tensor
from tvm_bnn.estimation.network import run_network
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.models.load import load
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.nn import IntegerNetwork
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target
from tvm_bnn.targets import load as load_target
from tvm_bnn.training.evaluation import integer_labels
from tvm_bnn.tuning.plan import Choice, default_choice

FAMILIES = ("cpu-portable", "x86-avx2", "x86-avx512", "rpi3", "rpi5")
"""What the host cannot execute is emulated."""

LAYERS, NETWORKS = count(950, 20), count(50, 2)
SIZE = (64, 96)

pytestmark = [pytest.mark.torture, pytest.mark.parametrize("family", FAMILIES)]


def some_point(data: st.DataObject, operator: Operator, target: Target) -> tuple[Choice, int]:
    """Any lowering that accepts the operator, any arrangement of its loops, and a number of threads."""
    threads = 1 if target.is_cross() else data.draw(st.integers(1, 2))
    row = data.draw(st.sampled_from(rows_for(operator, target)))
    setting = Setting(operator, target, threads)
    tile = data.draw(st.sampled_from(row.space.tiles(setting) or [()]))
    variant = data.draw(st.sampled_from(row.space.variants(setting)))
    return Choice(row, Point(tile, variant), "default"), threads


def test_layers(family: str) -> None:
    target, checked = load_target(family), 0
    running.require(target)

    @settings(max_examples=LAYERS, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data(), operator=operators(), seed=seeds)
    def check(data: st.DataObject, operator: Operator, seed: int) -> None:
        nonlocal checked
        choice, threads = some_point(data, operator, target)
        arrays = random_inputs(operator, np.random.default_rng(seed))
        setting = Setting(operator, target, threads)
        found = running.run(choice.row.lowering, choice.row.space, setting, choice.point, arrays)
        for spec, want, got in zip(operator.outputs(), operator.reference(*arrays), found, strict=True):
            named = f"{choice.row.lowering.name} {choice.point} {spec.name} of {operator.label()}"
            np.testing.assert_array_equal(got, want, named)
        checked += 1

    check()
    record(f"numerics/layers/{family}", checked=checked, mismatches=0)


def test_networks(family: str) -> None:
    target = load_target(family)
    running.require(target)
    for seed in range(NETWORKS):
        network, size = random_network(seed)
        picture = random_picture(seed, size)
        expected = integer_labels(network)(picture).labels
        np.testing.assert_array_equal(labels(network, picture, target), expected, f"network {seed}")
    record(f"numerics/networks/{family}", checked=NETWORKS, mismatches=0)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(family: str, preset: str) -> None:
    target = load_target(family)
    running.require(target)
    network = load(preset, input_size=SIZE).network
    picture = random_picture(0, SIZE)
    expected = integer_labels(network)(picture).labels
    assert len(np.unique(expected)) > 1
    assert labels(network, picture, target).tobytes() == expected.tobytes()


def random_picture(seed: int, size: tuple[int, int]) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (1, *size, 3), np.uint8)


def labels(network: IntegerNetwork, picture: Any, target: Target) -> Any:
    """What the compiled network says, on this host or on an emulated one."""
    compiled = compiled_for(network, picture.shape, target)
    if target.is_cross():
        return run_network(compiled, picture)
    return machine(compiled.executable, tiles=compiled.tiles)["main"](tensor(picture)).numpy()


def compiled_for(network: IntegerNetwork, shape: tuple[int, ...], target: Target) -> Compiled:
    threads = 1 if target.is_cross() else 2
    return compile_network(network, shape, target, threads, lambda op: default_choice(op, target, threads))
