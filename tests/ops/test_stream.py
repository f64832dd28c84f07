import dataclasses
import math
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given

from tests.ops.oracle import assert_reference, plain_values
from tests.ops.wrong import NOT_POSITIVE
from tests.strategies import (
    ACCUMULATOR,
    CHANNELS,
    LIGHT,
    Array,
    avg_pools,
    bitpacks,
    random_inputs,
    seeds,
    upsamples,
)
from tvm_bnn.ops import AvgPool2d, Bitpack, Epilogue, Upsample2x
from tvm_bnn.ops.stream import StreamOperator

SIGNS = Epilogue("none", outputs=("signs",))


def stream_input(operator: StreamOperator, inputs: list[Array]) -> Array:
    """The stream among the inputs."""
    assert operator.inputs()[0].name == "x"
    return inputs[0]


def by_torch(function: Any, x: Array, *arguments: Any, **settings: Any) -> Array:
    """A torch function of an NHWC map, in float64."""
    result = function(torch.from_numpy(np.moveaxis(x, -1, 1).astype(np.float64)), *arguments, **settings)
    return np.moveaxis(result.numpy(), 1, -1)


def exact(values: Array) -> Array:
    """Floating point numbers that are integers, as int32."""
    assert np.array_equal(values, np.round(values))
    return np.ascontiguousarray(values).astype(np.int32)


# Upsampling


def upsampled(x: Array) -> Array:
    return by_torch(torch.nn.functional.interpolate, x, scale_factor=2, mode="bilinear", align_corners=False)


@LIGHT
@given(upsamples(), seeds)
def test_upsampling_is_that_of_torch(operator: Upsample2x, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    assert_reference(operator, inputs, exact(16 * upsampled(stream_input(operator, inputs))))


def test_upsampling_along_one_axis() -> None:
    x = np.array([4, 8, 0], np.int16).reshape(1, 1, 3, 1)
    accumulator = Upsample2x(1, 1, 3, 1, ACCUMULATOR).accumulate(x)
    assert (accumulator[0, :, :, 0] / 16).tolist() == [[4, 5, 7, 6, 2, 0]] * 2


@pytest.mark.parametrize("value", [-32768, 32767])
def test_upsampling_reaches_its_bound(value: int) -> None:
    operator = Upsample2x(1, 2, 3, 1)
    accumulator = operator.accumulate(np.full((1, 2, 3, 1), value, np.int16))
    assert np.unique(accumulator).tolist() == [16 * value]
    assert operator.accumulator_bound() == 16 * 32768


def test_upsampled_stream_rounds_half_up() -> None:
    operator = Upsample2x(1, 4, 5, 33)
    x = np.random.default_rng(3).integers(-9, 9, (1, 4, 5, 33), np.int16)
    parameters = [np.full(33, number, np.int32) for number in (1, 8, 4)]
    (stream,) = operator.reference(x, *parameters)
    assert np.array_equal(stream, np.floor(upsampled(x) + 0.5))


# Pooling


@LIGHT
@given(avg_pools(), seeds)
def test_pooling_is_that_of_torch(operator: AvgPool2d, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    sums = by_torch(torch.nn.functional.avg_pool2d, stream_input(operator, inputs), operator.kernel, divisor_override=1)
    assert_reference(operator, inputs, exact(sums))


def test_pooling_drops_what_fills_no_window() -> None:
    x = np.arange(35, dtype=np.int16).reshape(1, 5, 7, 1)
    accumulator = AvgPool2d(1, 5, 7, 1, ACCUMULATOR, kernel=3).accumulate(x)
    assert accumulator.ravel().tolist() == [9 * 8, 9 * 11]


@pytest.mark.parametrize("kernel", [1, 2, 8, 255])
@pytest.mark.parametrize("value", [-32768, 32767])
def test_pooling_reaches_its_bound(kernel: int, value: int) -> None:
    operator = AvgPool2d(1, kernel, kernel, 1, ACCUMULATOR, kernel=kernel)
    accumulator = operator.accumulate(np.full((1, kernel, kernel, 1), value, np.int16))
    assert accumulator.tolist() == [[[[kernel**2 * value]]]]
    assert operator.accumulator_bound() == kernel**2 * 32768


def test_pooled_stream_rounds_by_the_reciprocal() -> None:
    operator = AvgPool2d(1, 3, 3, 1, kernel=3)
    shift = 12
    reciprocal, half = round(2**shift / 9), 2 ** (shift - 1)
    for total in range(-90, 90):
        x = np.zeros((1, 3, 3, 1), np.int16)
        x[0, 1, 1, 0] = total
        (stream,) = operator.reference(x, *(np.array([p], np.int32) for p in (reciprocal, half, shift)))
        assert stream.item() == math.floor(total * reciprocal / 2**shift + 0.5)


@pytest.mark.parametrize(
    ("size", "kernel"),
    [((2, 5), 3), ((5, 2), 3), ((4, 4), 5), *(((4, 4), kernel) for kernel in NOT_POSITIVE), ((256, 256), 256)],
)
def test_windows_that_do_not_fit_are_refused(size: tuple[int, int], kernel: Any) -> None:
    with pytest.raises(ValueError, match=r"^avg_pool2d: .+$"):
        AvgPool2d(1, *size, 8, kernel=kernel)


# Packing


@LIGHT
@given(bitpacks(), seeds)
def test_packing_finishes_the_value_itself(operator: Bitpack, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    assert_reference(operator, inputs, stream_input(operator, inputs).astype(np.int32))


@pytest.mark.parametrize("channels", CHANNELS)
def test_signs_are_set_where_the_threshold_is_reached(channels: int) -> None:
    operator = Bitpack(1, 1, 3, channels, SIGNS)
    threshold = np.arange(channels, dtype=np.int32) - 40
    x = (threshold + np.array([[[[-1], [0], [1]]]])).reshape(1, 1, 3, channels).astype(np.int16)
    (words,) = operator.reference(x, threshold)
    bits = plain_values(words, channels, 1, bipolar=False)[0, 0]
    assert [np.unique(row).tolist() for row in bits] == [[0], [1], [1]]


def test_bytes_become_their_own_bit_planes() -> None:
    operator = Bitpack(1, 16, 16, 1, Epilogue("none", outputs=("codes",), code_bits=8), input_dtype="uint8")
    x = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    (words,) = operator.reference(x, *(np.array([p], np.int32) for p in (1, 0, 0)))
    assert np.array_equal(plain_values(words, 1, 8, bipolar=False), x)


@pytest.mark.parametrize(
    ("dtype", "value", "bound"),
    [("int16", -32768, 32768), ("int16", 32767, 32768), ("uint8", 0, 255), ("uint8", 255, 255)],
)
def test_packing_of_the_limits(dtype: Literal["int16", "uint8"], value: int, bound: int) -> None:
    operator = Bitpack(1, 1, 1, 1, SIGNS, dtype)
    assert operator.accumulate(np.full((1, 1, 1, 1), value, dtype)).item() == value
    assert operator.accumulator_bound() == bound


@pytest.mark.parametrize("dtype", ["int8", "", None])
def test_other_dtypes_are_refused(dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"^bitpack: .+$"):
        Bitpack(1, 1, 1, 1, SIGNS, dtype)


# All of them


@pytest.mark.parametrize("kind", [Upsample2x, AvgPool2d, Bitpack])
@pytest.mark.parametrize(
    "fields",
    [
        *({name: value} for name in ("batch", "height", "width", "channels") for value in NOT_POSITIVE),
        {"epilogue": Epilogue(shortcut_channels=3)},
    ],
)
def test_contradictions_are_refused(kind: type[StreamOperator], fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{kind.kind}: .+$"):
        dataclasses.replace(kind(1, 4, 6, 8), **fields)


@pytest.mark.parametrize("kind", [Upsample2x, AvgPool2d, Bitpack])
def test_epilogue_may_be_plain_data(kind: type[StreamOperator]) -> None:
    plain: Any = {"affine": "none", "outputs": ["signs"]}
    operator = kind(1, 4, 6, 33, plain)
    assert operator == kind(1, 4, 6, 33, SIGNS)
    assert operator.cost().ops == 0
    assert operator.label() == f"{kind.kind} 33 4x6"


def test_bytes_of_the_streams() -> None:
    assert Upsample2x(1, 4, 6, 33, ACCUMULATOR).bytes_moved == 4 * 6 * 33 * (2 + 4 * 4)
    assert AvgPool2d(1, 5, 6, 33).bytes_moved == (5 * 6 + 2 * 3) * 33 * 2 + 33 * 12
    assert Bitpack(1, 4, 6, 33, SIGNS, "uint8").bytes_moved == 4 * 6 * (33 + 8) + 33 * 4
