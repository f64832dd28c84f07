import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.oracle import assert_reference, fits32, plain_bits, plain_pack, plain_values
from tests.ops.wrong import NOT_POSITIVE
from tests.strategies import ACCUMULATOR, LIGHT, Array, by_name, pooled_attentions, random_inputs, seeds
from tvm_bnn.ops import Epilogue, PooledAttention
from tvm_bnn.ops.attention import softmax_table

PLAIN = PooledAttention(1, 2, 3, 4, 64, 8)

MOST_ANCHORS = {1: 8421504, 2: 1403584, 3: 300768, 4: 70179, 5: 16978, 6: 4177, 7: 1036, 8: 258}
"""The most anchors for values of so many bits."""


def attended(operator: PooledAttention, query: Array, key: Array, value: Array, table: Array) -> Array:
    """Every pixel by itself, in Python integers that no 32-bit register may wrap."""
    queries = plain_bits(query, operator.key_channels)
    keys = plain_bits(key[:, 0], operator.key_channels)
    values = plain_values(value[:, 0], operator.value_channels, operator.value_bits, bipolar=True)
    accumulator = np.zeros(operator.accumulator_shape(), np.int32)
    for n, h, w in np.ndindex(accumulator.shape[:3]):
        weights = pixel_weights(queries[n, h, w], keys[n], table.tolist())
        accumulator[n, h, w] = mixed(weights, values[n].tolist(), operator.value_bits)
    return accumulator


def pixel_weights(query: Array, keys: Array, table: list[int]) -> list[int]:
    """The weight of every anchor."""
    distances = [int((query != key).sum()) for key in keys]
    return [table[distance - min(distances)] for distance in distances]


def mixed(weights: list[int], values: list[list[int]], bits: int) -> list[int]:
    """The weighted mean of every channel, in units of 2^(bits - 15)."""
    total = max(sum(weights), 1)
    reciprocal = fits32(2 ** (31 - bits) + total // 2) // total
    sums = [fits32(sum(w * v for w, v in zip(weights, channel, strict=True))) for channel in zip(*values, strict=True)]
    return [fits32(number * reciprocal) >> 16 for number in sums]


@settings(LIGHT, max_examples=60)
@given(pooled_attentions(), seeds)
def test_reference_is_attention_pixel_by_pixel(operator: PooledAttention, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    named = by_name(operator, inputs)
    operands = (named[spec.name] for spec in operator.operands())
    assert_reference(operator, inputs, attended(operator, *operands))


@LIGHT
@given(pooled_attentions(epilogue=ACCUMULATOR), seeds, st.floats(0.01, 0.5))
def test_it_is_near_softmax_attention(operator: PooledAttention, seed: int, tau: float) -> None:
    """Weights are rounded to 1/255 of the greatest, of which every anchor may lose or gain a half."""
    named = by_name(operator, random_inputs(operator, np.random.default_rng(seed)))
    table = softmax_table(operator.key_channels, tau)
    found = operator.accumulate(named["query"], named["key"], named["value"], table) / 2 ** (15 - operator.value_bits)
    query = 2 * plain_bits(named["query"], operator.key_channels) - 1
    key = 2 * plain_bits(named["key"][:, 0], operator.key_channels) - 1
    value = plain_values(named["value"][:, 0], operator.value_channels, operator.value_bits, bipolar=True)
    scores = tau * np.einsum("nhwc,nsc->nhws", query, key)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    wanted = np.einsum("nhws,nsc->nhwc", weights, value) / weights.sum(axis=-1, keepdims=True)
    tolerance = (2**operator.value_bits - 1) * (operator.anchors / 255 / weights.sum(axis=-1, keepdims=True) + 0.01)
    assert np.all(np.abs(found - wanted) <= tolerance)


# The bounds


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("sign", [-1, 1])
def test_extremes_stay_within_the_bound(bits: int, sign: int) -> None:
    """All values at one end; numerators and reciprocals for every sum of weights that a few anchors can have."""
    magnitude = sign * (2**bits - 1)
    for anchors in sorted({1, 2, 3, min(110, MOST_ANCHORS[bits]), min(258, MOST_ANCHORS[bits])}):
        bound = PooledAttention(1, 1, 1, anchors, 1, 1, bits).accumulator_bound()
        totals = np.arange(1, 255 * anchors + 1, dtype=np.int64)
        products = magnitude * totals * ((2 ** (31 - bits) + totals // 2) // totals)
        assert np.abs(products).max() < 2**31
        assert np.abs(products >> 16).max() <= bound


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_most_anchors_at_their_extremes(bits: int) -> None:
    """Sums of weights near the greatest, where the reciprocal is coarse, and the limit itself."""
    bound = PooledAttention(1, 1, 1, MOST_ANCHORS[bits], 1, 1, bits).accumulator_bound()
    greatest = 255 * MOST_ANCHORS[bits]
    totals = np.unique(np.linspace(1, greatest, 1_000_000).astype(np.int64))
    products = -(2**bits - 1) * totals * ((2 ** (31 - bits) + totals // 2) // totals)
    assert (2 ** (31 - bits) + greatest // 2) < 2**31
    assert np.abs(products).max() < 2**31
    assert np.abs(products >> 16).max() <= bound < 2**16
    assert greatest * (2**bits - 1) < 2**31
    with pytest.raises(ValueError, match=rf"{MOST_ANCHORS[bits] + 1} anchors with values of {bits} bits"):
        PooledAttention(1, 1, 1, MOST_ANCHORS[bits] + 1, 1, 1, bits)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("top", [False, True])
def test_one_value_everywhere_comes_out_again(bits: int, top: bool) -> None:
    operator = PooledAttention(1, 1, 1, 110, 64, 65, bits, ACCUMULATOR)
    query, key = np.zeros((1, 1, 1, 2), np.int32), np.zeros((1, 1, 110, 2), np.int32)
    value = plain_pack(np.full((1, 1, 110, 65), 2**bits - 1 if top else 0), bits)
    accumulator = operator.accumulate(query, key, value, np.full(65, 255, np.uint8))
    wanted = (1 if top else -1) * (2**bits - 1) * 2 ** (15 - bits)
    assert np.abs(accumulator - wanted).max() <= 110 * 255 * (2**bits - 1) // 2**17 + 1
    assert np.abs(accumulator).max() <= operator.accumulator_bound()


def test_a_table_of_zeros_gives_zeros() -> None:
    operator = dataclasses.replace(PLAIN, epilogue=ACCUMULATOR)
    inputs = by_name(operator, random_inputs(operator, np.random.default_rng(0)))
    accumulator = operator.accumulate(inputs["query"], inputs["key"], inputs["value"], np.zeros(65, np.uint8))
    assert not accumulator.any()


def test_a_sharp_table_takes_the_nearest_anchor() -> None:
    operator = PooledAttention(1, 1, 1, 3, 64, 2, epilogue=ACCUMULATOR)
    query = plain_pack(np.arange(64).reshape(1, 1, 1, 64) % 2)
    key = np.stack([query[0, 0, 0] ^ 7, query[0, 0, 0] ^ 1, query[0, 0, 0] ^ 3]).reshape(1, 1, 3, 2)
    value = plain_pack(np.array([[0, 0], [1, 0], [0, 1]]).reshape(1, 1, 3, 2))
    table = np.array([255, *[0] * 64], np.uint8)
    # 255 round(2^30 / 255) is 64 below 2^30, hence one below and exactly at 2^14 after the shift.
    assert operator.accumulate(query, key, value, table).tolist() == [[[[2**14 - 1, -(2**14)]]]]


# The table


@pytest.mark.parametrize(("channels", "tau"), [(1, 0.5), (64, 0.125), (64, 1 / 64), (128, 0.05), (512, 0.3)])
def test_table_is_the_exponential(channels: int, tau: float) -> None:
    table = softmax_table(channels, tau)
    assert (table.shape, str(table.dtype)) == ((channels + 1,), "uint8")
    exact = [255 * math.exp(-2 * tau * j) for j in range(channels + 1)]
    assert table.tolist() == [round(value) for value in exact]


def test_ends_of_the_table() -> None:
    assert softmax_table(3, 0.0).tolist() == [255] * 4
    assert softmax_table(3, 1e300).tolist() == [255, 0, 0, 0]
    # 255 exp(-2 ln 2 / 2) = 127.5, and the nearest number to ln 2 lies below it.
    assert softmax_table(1, math.log(2) / 2).tolist() == [255, 128]


@pytest.mark.parametrize("tau", [-0.1, math.nan, math.inf])
def test_wrong_temperatures_are_refused(tau: float) -> None:
    with pytest.raises(ValueError, match="softmax_table: expected tau"):
        softmax_table(64, tau)


# The rest


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {name: value}
            for name in ("batch", "height", "width", "anchors", "key_channels", "value_channels")
            for value in NOT_POSITIVE
        ),
        *({"value_bits": bits} for bits in (*NOT_POSITIVE, 9)),
        {"epilogue": Epilogue(shortcut_channels=3)},
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^pooled_attention: .+$"):
        dataclasses.replace(PLAIN, **fields)


def test_shapes() -> None:
    operator = PooledAttention(2, 5, 6, 110, 65, 130, 3)
    shapes = {spec.name: spec.shape for spec in operator.inputs()}
    assert shapes["query"] == (2, 5, 6, 4)
    assert shapes["key"] == (2, 1, 110, 4)
    assert shapes["value"] == (2, 1, 110, 18)
    assert shapes["table"] == (66,)
    assert operator.at((2, 7, 8, 4)) == dataclasses.replace(operator, height=7, width=8)
    assert [spec.role for spec in operator.inputs()[:4]] == ["data", "data", "data", "parameter"]


def test_cost() -> None:
    operator = PooledAttention(2, 5, 6, 110, 64, 128, 3)
    scores, mixing = operator.cost().products
    assert (scores.macs, scores.activation_bits, scores.weight_bits) == (2 * 30 * 110 * 64, 1, 1)
    assert (mixing.macs, mixing.activation_bits, mixing.weight_bits) == (2 * 30 * 110 * 128, 8, 3)
    assert operator.cost().other == 2 * 30 * (110 + 110 + 1)


def test_label() -> None:
    assert PLAIN.label() == "pooled_attention 64->8 a4 2x3"
    assert dataclasses.replace(PLAIN, value_bits=4).label() == "pooled_attention 64->8 a4 2x3 4bit"
