import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.ops.oracle import assert_reference, plain_values
from tests.ops.wrong import NOT_POSITIVE
from tests.strategies import (
    ACCUMULATOR,
    INT32_MAX,
    LIGHT,
    POLARITIES,
    Array,
    by_name,
    denses,
    filled_words,
    random_inputs,
    seeds,
)
from tvm_bnn.ops import Dense, Epilogue

PLAIN = Dense(7, 64, 10)


def product(operator: Dense, x: Array, weight: Array) -> Array:
    """The matrix product of the values."""
    bits = operator.activation_bits, operator.weight_bits
    left = plain_values(x, operator.in_features, bits[0], bipolar=operator.activation_bipolar)
    right = plain_values(weight, operator.in_features, bits[1], bipolar=operator.weight_bipolar)
    return (left @ right.T).astype(np.int32)


@settings(LIGHT, max_examples=60)
@given(denses(), seeds)
def test_reference_is_the_matrix_product_and_the_epilogue(operator: Dense, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    named = by_name(operator, inputs)
    assert_reference(operator, inputs, product(operator, named["x"], named["weight"]))


@pytest.mark.parametrize("bits", [(1, 1), (8, 1), (8, 2), (3, 2)])
@pytest.mark.parametrize("polarity", POLARITIES)
def test_bound_is_reached_by_the_largest_codes(bits: tuple[int, int], polarity: tuple[bool, bool]) -> None:
    operator = Dense(1, 129, 1, *bits, *polarity, epilogue=ACCUMULATOR)
    tops = 2 ** bits[0] - 1, 2 ** bits[1] - 1
    x, weight = (filled_words(operator, name, top) for name, top in zip(("x", "weight"), tops, strict=True))
    assert operator.accumulate(x, weight).tolist() == [[operator.accumulator_bound()]] == [[129 * tops[0] * tops[1]]]


DEEPEST = {"in_features": 2807168, "activation_bits": 8, "weight_bits": 2}
"""The most products whose sum stays within int32."""


@pytest.mark.parametrize(
    "fields",
    [
        *({name: value} for name in ("rows", "in_features", "out_features") for value in NOT_POSITIVE),
        *({"activation_bits": bits} for bits in (0, 9, 1.0)),
        *({"weight_bits": bits} for bits in (0, 3, True)),
        *({name: 1} for name in ("activation_bipolar", "weight_bipolar")),
        DEEPEST | {"in_features": 2807169},
        {"epilogue": Epilogue(shortcut_channels=3)},
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^dense: .+$"):
        dataclasses.replace(PLAIN, **fields)


def test_the_deepest_is_accepted() -> None:
    fields: dict[str, Any] = DEEPEST
    assert dataclasses.replace(PLAIN, **fields).accumulator_bound() <= INT32_MAX


def test_shapes_have_no_axes_of_a_window() -> None:
    operator = Dense(7, 129, 10, activation_bits=3, weight_bits=2, epilogue=Epilogue(shortcut_channels=5))
    shapes = {spec.name: spec.shape for spec in operator.inputs()}
    assert (shapes["x"], shapes["weight"], shapes["shortcut"]) == ((7, 18), (10, 12), (7, 5))
    assert operator.outputs()[0].shape == (7, 10)


def test_cost_and_bytes() -> None:
    operator = Dense(7, 64, 10, activation_bits=4, epilogue=ACCUMULATOR)
    assert operator.cost().binary_macs == 7 * 64 * 10
    assert operator.cost().ops == 2 * 7 * 64 * 10 * 4 / 64
    assert operator.bytes_moved == 7 * 4 * 8 + 10 * 8 + 7 * 10 * 4


def test_label() -> None:
    assert PLAIN.label() == "dense 64->10 x7"
