import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.ops.oracle import assert_reference
from tests.ops.wrong import NOT_POSITIVE
from tests.strategies import ACCUMULATOR, LIGHT, Array, by_name, channel_gates, random_inputs, seeds
from tvm_bnn.ops import ChannelGate
from tvm_bnn.ops.gate import sigmoid_table

PLAIN = ChannelGate(2, 3, 4, 5)


def gated(x: Array, gate: Array, table: Array) -> Array:
    """Every element by itself."""
    product = np.zeros(x.shape, np.int32)
    for n, h, w, c in np.ndindex(x.shape):
        product[n, h, w, c] = int(x[n, h, w, c]) * int(table[int(gate[n, 0, 0, c])])
    return product


@LIGHT
@given(channel_gates(), seeds)
def test_channels_are_scaled_by_their_own_factor(operator: ChannelGate, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    named = by_name(operator, inputs)
    assert_reference(operator, inputs, gated(named["x"], named["gate"], named["table"]))


@pytest.mark.parametrize("value", [-32768, 32767])
def test_the_bound_is_reached(value: int) -> None:
    operator = ChannelGate(1, 1, 1, 1, ACCUMULATOR)
    table = np.arange(256, dtype=np.uint8)
    x, gate = np.full((1, 1, 1, 1), value, np.int16), np.full((1, 1, 1, 1), 255, np.uint8)
    assert operator.accumulate(x, gate, table).item() == 255 * value
    assert operator.accumulator_bound() == 255 * 32768


def test_table_is_the_sigmoid() -> None:
    table = sigmoid_table()
    assert (table.shape, str(table.dtype)) == ((256,), "uint8")
    exact = [256 / (1 + math.exp(-(i - 128) / 16)) for i in range(256)]
    assert all(abs(exact[i] - round(exact[i])) < 0.4999 or exact[i] == 128 for i in range(256))
    assert table.tolist() == [min(255, round(value)) for value in exact]


def test_some_values_of_the_table() -> None:
    """sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4 near (146 - 128) / 16, and the ends."""
    table = sigmoid_table()
    assert [int(table[i]) for i in (0, 30, 31, 110, 128, 144, 146, 255)] == [0, 1, 1, 63, 128, 187, 193, 255]
    # What the sigmoid of -x and of x add up to is 1, up to the rounding of both and the limit of a byte.
    assert all(abs(int(table[128 + i]) + int(table[128 - i]) - 256) <= 1 for i in range(128))


@pytest.mark.parametrize("name", ["batch", "height", "width", "channels"])
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_maps_without_a_size_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^channel_gate: expected {name}"):
        dataclasses.replace(PLAIN, **{name: value})


def test_shapes_cost_and_label() -> None:
    shapes = {spec.name: (spec.shape, spec.dtype, spec.role) for spec in PLAIN.inputs()}
    assert shapes["gate"] == ((2, 1, 1, 5), "uint8", "data")
    assert shapes["table"] == ((256,), "uint8", "parameter")
    assert (PLAIN.cost().ops, PLAIN.cost().other) == (0, 10)
    assert PLAIN.label() == "channel_gate 5 3x4"
