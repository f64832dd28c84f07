import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.oracle import (
    assert_reference,
    assert_same,
    conv2d_accumulator,
    conv2d_values,
    correlate,
    pad_number,
    plain_values,
)
from tests.ops.wrong import NOT_A_PAIR, NOT_POSITIVE
from tests.strategies import (
    ACCUMULATOR,
    CHANNELS,
    LIGHT,
    ODD_CONVS,
    POLARITIES,
    Array,
    by_name,
    conv2ds,
    filled_words,
    random_inputs,
    random_words,
    seeds,
    word_mask,
)
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.ops.window import Window

PLAIN = Conv2d(1, 5, 6, 64, 8, epilogue=ACCUMULATOR)

small_convs = conv2ds(epilogue=ACCUMULATOR, batch=1)


def operands(operator: Conv2d, seed: int) -> tuple[Array, Array]:
    """Random ``x`` and ``weight`` of an operator whose epilogue reads nothing."""
    x, weight = random_inputs(operator, np.random.default_rng(seed))
    return x, weight


# Against integers


@pytest.mark.parametrize("operator", ODD_CONVS, ids=Conv2d.label)
def test_odd_convolutions(operator: Conv2d) -> None:
    inputs = random_inputs(operator, np.random.default_rng(1))
    named = by_name(operator, inputs)
    assert_reference(operator, inputs, conv2d_accumulator(operator, named["x"], named["weight"]))


@settings(LIGHT, max_examples=60)
@given(small_convs, seeds)
def test_accumulator_is_the_convolution_of_the_values(operator: Conv2d, seed: int) -> None:
    x, weight = operands(operator, seed)
    assert_reference(operator, [x, weight], conv2d_accumulator(operator, x, weight))


@LIGHT
@given(conv2ds(batch=1, in_channels=6, out_channels=4, height=4, width=3, epilogue=ACCUMULATOR), seeds)
def test_accumulator_is_the_integer_loop(operator: Conv2d, seed: int) -> None:
    x, weight = operands(operator, seed)
    values, kernels = (array.tolist() for array in conv2d_values(operator, x, weight))
    (accumulator,) = operator.accumulate(x, weight)
    for row, column, output in np.ndindex(accumulator.shape):
        assert accumulator[row, column, output] == one_sum(operator, values[0], kernels[output], (row, column), output)


def one_sum(operator: Conv2d, values: list[Any], kernel: list[Any], place: tuple[int, int], output: int) -> int:
    """One element of the accumulator, product by product."""
    channels = operator.in_channels // operator.groups
    first = output // (operator.out_channels // operator.groups) * channels
    total = 0
    for i, j, channel in itertools.product(*map(range, operator.kernel), range(channels)):
        row, column = (
            place[axis] * operator.stride[axis] + tap * operator.dilation[axis] - operator.padding[axis]
            for axis, tap in enumerate((i, j))
        )
        inside = 0 <= row < operator.height and 0 <= column < operator.width
        value = values[row][column][first + channel] if inside else pad_number(operator)
        total += value * kernel[i][j][channel]
    return total


def test_odd_convolutions_cover_every_setting() -> None:
    polarities = {(conv.activation_bipolar, conv.weight_bipolar) for conv in ODD_CONVS}
    assert polarities == set(POLARITIES)
    assert {conv.activation_bits for conv in ODD_CONVS} == set(range(1, 9))
    assert {conv.weight_bits for conv in ODD_CONVS} == {1, 2}
    assert {conv.pad_value for conv in ODD_CONVS} == {"one", "zero"}
    assert {conv.kernel for conv in ODD_CONVS} >= {(1, 1), (1, 3), (3, 3), (5, 5)}
    assert {conv.dilation[1] for conv in ODD_CONVS} == {1, 2, 3}
    assert {conv.in_channels for conv in ODD_CONVS} >= set(CHANNELS)
    written = {name for conv in ODD_CONVS for name in conv.epilogue.outputs}
    assert written == {"accumulator", "stream", "byte", "signs", "codes"}


# The algebra of the docstring, on packed bits

P = int.bit_count
IDENTITIES: dict[tuple[bool, bool], Callable[[int, int, int], int]] = {
    (True, True): lambda k, x, w: k - 2 * P(x ^ w),
    (False, True): lambda _, x, w: P(w) - P(x ^ w),
    (True, False): lambda _, x, w: 2 * P(x & w) - P(w),
    (False, False): lambda _, x, w: P(x & w),
}


def number(words: Array) -> int:
    """Packed words as one long integer, channel c at bit c."""
    return int.from_bytes(np.ascontiguousarray(words).tobytes(), "little")


@pytest.mark.parametrize("polarity", POLARITIES)
@LIGHT
@given(channels=st.sampled_from(CHANNELS), seed=seeds)
def test_popcount_identities(polarity: tuple[bool, bool], channels: int, seed: int) -> None:
    shape = (2 * -(-channels // 64),)
    x, weight = (random_words(shape, channels, 1, np.random.default_rng([seed, i])) for i in range(2))
    values, weights = (
        plain_values(words, channels, 1, bipolar=b) for words, b in zip((x, weight), polarity, strict=True)
    )
    expected = sum(value * weight for value, weight in zip(values.tolist(), weights.tolist(), strict=True))
    assert IDENTITIES[polarity](channels, number(x), number(weight)) == expected


def packed_sum(operator: Conv2d, x: Array, weight: Array, place: tuple[int, int]) -> int:
    """One element of the accumulator by popcounts: planes against planes, with weight 2^(a + b)."""
    planes = operator.activation_bits, operator.weight_bits
    fill = word_mask(operator.in_channels, planes[0]) * np.uint32(operator.pad_value == "one")
    identity = IDENTITIES[operator.activation_bipolar, operator.weight_bipolar]
    total = 0
    for tap in np.ndindex(*operator.kernel):
        row, column = (
            place[i] * operator.stride[i] + tap[i] * operator.dilation[i] - operator.padding[i] for i in (0, 1)
        )
        inside = 0 <= row < operator.height and 0 <= column < operator.width
        activations = np.split(x[row, column] if inside else fill, planes[0])
        weights = np.split(weight[tap], planes[1])
        for (a, activation), (b, kernel) in itertools.product(enumerate(activations), enumerate(weights)):
            total += 2 ** (a + b) * identity(operator.in_channels, number(activation), number(kernel))
        if not inside and operator.pad_value == "zero" and operator.activation_bipolar:
            total += taken_back(operator, weight[tap])
    return total


def taken_back(operator: Conv2d, weight: Array) -> int:
    """What a tap outside contributed by its bits 0, which stand for -(2^A - 1), with the sign turned."""
    weights = plain_values(weight, operator.in_channels, operator.weight_bits, bipolar=operator.weight_bipolar)
    return (2**operator.activation_bits - 1) * int(weights.sum())


@LIGHT
@given(conv2ds(batch=1, groups=1, out_channels=2, height=3, width=4, epilogue=ACCUMULATOR), seeds)
def test_accumulator_is_a_sum_of_popcounts(operator: Conv2d, seed: int) -> None:
    x, weight = operands(operator, seed)
    (accumulator,) = operator.accumulate(x, weight)
    for row, column, output in np.ndindex(accumulator.shape):
        assert accumulator[row, column, output] == packed_sum(operator, x[0], weight[output], (row, column))


@pytest.mark.parametrize(("channels", "groups"), [(24, 3), (64, 8), (66, 2), (65, 65), (128, 2), (96, 3)])
def test_groups_that_share_words_are_masked(channels: int, groups: int) -> None:
    operator = Conv2d(1, 2, 3, channels, 2 * groups, kernel=(1, 1), padding=(0, 0), groups=groups, epilogue=ACCUMULATOR)
    x, weight = operands(operator, channels)
    depth = channels // groups
    (accumulator,) = operator.accumulate(x, weight)
    for row, column, output in np.ndindex(accumulator.shape):
        start = output // 2 * depth
        mask = (1 << depth) - 1 << start
        differing = P((number(x[0, row, column]) ^ number(weight[output, 0, 0]) << start) & mask)
        assert accumulator[row, column, output] == depth - 2 * differing


@LIGHT
@given(conv2ds(epilogue=ACCUMULATOR, pad_value="one", batch=1), seeds)
def test_padding_with_one_is_a_border_of_set_bits(operator: Conv2d, seed: int) -> None:
    x, weight = operands(operator, seed)
    rows, columns = operator.padding
    bordered = dataclasses.replace(
        operator, height=operator.height + 2 * rows, width=operator.width + 2 * columns, padding=(0, 0)
    )
    border = filled_words(bordered, "x", 2**operator.activation_bits - 1)
    border[:, rows : rows + operator.height, columns : columns + operator.width] = x
    assert_same(operator.accumulate(x, weight), bordered.accumulate(border, weight))


@pytest.mark.parametrize("bipolar", [True, False])
def test_padding_with_zero_adds_nothing(bipolar: bool) -> None:
    operator = Conv2d(
        1, 1, 1, 33, 3, padding=(3, 3), pad_value="zero", activation_bipolar=bipolar, epilogue=ACCUMULATOR
    )
    accumulator = operator.accumulate(*operands(operator, 5))
    assert accumulator.shape == (1, 5, 5, 3)
    assert not accumulator[:, [0, -1]].any()
    assert not accumulator[:, :, [0, -1]].any()


# The bound


def extreme_sum(operator: Conv2d, activation: int, weight: int) -> int:
    """The accumulator of the only output, all operands at one code."""
    (result,) = operator.accumulate(
        filled_words(operator, "x", activation), filled_words(operator, "weight", weight)
    ).ravel()
    return int(result)


@pytest.mark.parametrize("activation_bits", range(1, 9))
@pytest.mark.parametrize("weight_bits", [1, 2])
@pytest.mark.parametrize("polarity", POLARITIES)
def test_bound_is_reached_by_the_largest_codes(
    activation_bits: int, weight_bits: int, polarity: tuple[bool, bool]
) -> None:
    operator = Conv2d(1, 3, 3, 65, 1, (3, 3), (1, 1), (1, 1), (0, 0), "one", 1, activation_bits, weight_bits, *polarity)
    top = 2**activation_bits - 1, 2**weight_bits - 1
    bound = 9 * 65 * top[0] * top[1]
    assert operator.accumulator_bound() == bound
    assert extreme_sum(operator, *top) == bound
    assert extreme_sum(operator, 0, top[1]) == (-bound if polarity[0] else 0)
    assert extreme_sum(operator, top[0], 0) == (-bound if polarity[1] else 0)
    assert extreme_sum(operator, 0, 0) == (bound if all(polarity) else 0)


def test_padding_with_one_reaches_the_bound() -> None:
    operator = Conv2d(1, 1, 1, 3, 1, activation_bits=8, weight_bits=2, activation_bipolar=False)
    assert extreme_sum(operator, 255, 3) == operator.accumulator_bound() == 9 * 3 * 255 * 3


@pytest.mark.parametrize("channels", [21930, 21931, 21932])
def test_sums_stay_exact_where_float32_ends(channels: int) -> None:
    operator = Conv2d(
        *(1, 1, 1, channels, 2),
        kernel=(1, 1),
        padding=(0, 0),
        activation_bits=8,
        weight_bits=2,
        activation_bipolar=False,
        epilogue=ACCUMULATOR,
    )
    assert abs(operator.accumulator_bound() - 2**24) < 1000
    x, weight = filled_words(operator, "x", 255), filled_words(operator, "weight", 3)
    x[..., 0] ^= 1
    weight[1, ..., 0] ^= 2
    assert_same(operator.accumulate(x, weight), conv2d_accumulator(operator, x, weight))


# The signature


@pytest.mark.parametrize(
    "fields",
    [
        {"in_channels": 64, "out_channels": 64, "groups": 3},
        {"in_channels": 63, "out_channels": 64, "groups": 3},
        {"in_channels": 64, "out_channels": 63, "groups": 2},
        *({"activation_bits": bits} for bits in (*NOT_POSITIVE, 9)),
        *({"weight_bits": bits} for bits in (*NOT_POSITIVE, 3, 8)),
        *({name: 1} for name in ("activation_bipolar", "weight_bipolar")),
        *(
            {name: value}
            for name in ("batch", "height", "width", "in_channels", "out_channels", "groups")
            for value in NOT_POSITIVE
        ),
        *({name: value} for name in ("kernel", "stride", "dilation", "padding") for value in NOT_A_PAIR),
        *({name: (1, 0)} for name in ("kernel", "stride", "dilation")),
        *({"pad_value": value} for value in ("two", "", 1, None, ["one"])),
        {"in_channels": 311908, "activation_bits": 8, "weight_bits": 2},
        *({"epilogue": Epilogue(shortcut_channels=channels)} for channels in (3, 16)),
        {"kernel": (8, 1)},
        {"kernel": (1, 9)},
        {"dilation": (3, 1), "padding": (0, 0)},
        {"height": 0, "padding": (0, 0)},
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^conv2d: .+$"):
        dataclasses.replace(PLAIN, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"kernel": (7, 8)},
        {"dilation": (3, 3)},
        {"in_channels": 311907, "activation_bits": 8, "weight_bits": 2},
        {"epilogue": Epilogue(shortcut_channels=8)},
    ],
)
def test_the_last_that_fits_is_accepted(fields: dict[str, Any]) -> None:
    assert min(dataclasses.replace(PLAIN, **fields).output_size) >= 1


def test_plain_data_makes_the_same_operator() -> None:
    plain: dict[str, Any] = {"kernel": [3, 3], "stride": [2, 1], "epilogue": {"affine": "none", "outputs": ["signs"]}}
    operator = dataclasses.replace(PLAIN, **plain)
    assert operator == dataclasses.replace(PLAIN, stride=(2, 1), epilogue=Epilogue("none", outputs=("signs",)))
    assert hash(operator) == hash(dataclasses.replace(operator))


def test_cost_counts_every_product_once() -> None:
    operator = Conv2d(2, 96, 312, 64, 128, stride=(2, 2), groups=2, activation_bits=8)
    macs = 2 * 48 * 156 * 128 * 9 * 32
    assert (operator.cost().binary_macs, operator.cost().real_macs) == (macs, 0)
    assert operator.cost().ops == 2 * macs / 8


def test_bytes_are_inputs_and_outputs_once() -> None:
    operator = Conv2d(
        1, 96, 312, 64, 64, epilogue=Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
    )
    pixels = 96 * 312
    parameters = 64 * 9 * 8 + 64 * 4 * 4 + 64 * 2 * (3 + 1)
    assert operator.bytes_moved == pixels * (8 + 128 + 128 + 8) + parameters


def test_operands_are_the_words_of_all_planes() -> None:
    operator = Conv2d(2, 5, 6, 130, 4, groups=2, activation_bits=3, weight_bits=2)
    assert [spec.shape for spec in operator.operands()] == [(2, 5, 6, 3 * 6), (4, 3, 3, 2 * 4)]


@pytest.mark.parametrize(
    ("operator", "label"),
    [
        (PLAIN, "conv2d 3x3 64->8 5x6"),
        (
            dataclasses.replace(PLAIN, stride=(2, 2), dilation=(2, 2), padding=(2, 2), groups=8, activation_bits=4),
            "conv2d 3x3 64->8 3x3 s2 d2 g8 4x1bit",
        ),
        (dataclasses.replace(PLAIN, stride=(1, 2)), "conv2d 3x3 64->8 5x3 s1x2"),
        (dataclasses.replace(PLAIN, dilation=(2, 1)), "conv2d 3x3 64->8 3x6 d2x1"),
    ],
)
def test_labels(operator: Conv2d, label: str) -> None:
    assert operator.label() == label


def test_correlation_is_not_flipped() -> None:
    values = np.arange(6).reshape(1, 2, 3, 1)
    kernel = np.array([1, 10, 100]).reshape(1, 1, 3, 1)
    window = Window((1, 3), (1, 1), (1, 1), (0, 0))
    assert correlate(values, kernel, window).ravel().tolist() == [210, 543]
