import dataclasses
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings

from tests.ops.oracle import assert_reference, correlate
from tests.ops.wrong import NOT_A_PAIR, NOT_POSITIVE
from tests.strategies import (
    ACCUMULATOR,
    INT32_MAX,
    LIGHT,
    by_name,
    random_inputs,
    real_conv2ds,
    seeds,
)
from tvm_bnn.ops import Epilogue, RealConv2d

PLAIN = RealConv2d(1, 5, 6, 3, 8, epilogue=ACCUMULATOR)
Dtype = Literal["uint8", "int16"]

DEEPEST: list[tuple[Dtype, int]] = [("uint8", 65793), ("int16", 511)]
"""The most products whose sum stays within int32."""


@settings(LIGHT, max_examples=50)
@given(real_conv2ds(), seeds)
def test_reference_is_the_convolution_and_the_epilogue(operator: RealConv2d, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    named = by_name(operator, inputs)
    kernels = np.moveaxis(named["weight"], -1, 0)
    assert_reference(operator, inputs, correlate(named["x"], kernels, operator.window))


def pointwise(dtype: Dtype, depth: int) -> RealConv2d:
    """A 1x1 convolution of one pixel to one output."""
    return RealConv2d(1, 1, 1, depth, 1, (1, 1), (1, 1), (0, 0), dtype, ACCUMULATOR)


@pytest.mark.parametrize(("dtype", "depth"), [*DEEPEST, ("uint8", 27), ("int16", 4)])
def test_bound_is_reached_by_the_largest_products(dtype: Dtype, depth: int) -> None:
    operator = pointwise(dtype, depth)
    extreme = 255 if dtype == "uint8" else -(2**15)
    x = np.full((1, 1, 1, depth), extreme, dtype)
    weight = np.full((1, 1, depth, 1), -128, np.int8)
    (accumulator,) = operator.accumulate(x, weight).ravel()
    assert accumulator == -128 * extreme * depth
    assert abs(int(accumulator)) == operator.accumulator_bound() <= INT32_MAX


@pytest.mark.parametrize(("dtype", "depth"), DEEPEST)
def test_one_product_more_is_refused(dtype: Dtype, depth: int) -> None:
    with pytest.raises(ValueError, match="int32"):
        pointwise(dtype, depth + 1)


@pytest.mark.parametrize("depth", [513, 514, 515])
def test_sums_stay_exact_where_float32_ends(depth: int) -> None:
    """2^24 / (255 * 128) lies between 513 and 515: one product that is odd makes the sum odd."""
    x = np.full((1, 1, 1, depth), 255, np.uint8)
    weight = np.full((1, 1, depth, 1), -128, np.int8)
    weight[0, 0, 0, 0] = -127
    (accumulator,) = pointwise("uint8", depth).accumulate(x, weight).ravel()
    assert accumulator == -255 * (128 * depth - 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"kernel": (8, 1)},
        {"kernel": (1, 9)},
        *(
            {name: value}
            for name in ("batch", "height", "width", "in_channels", "out_channels")
            for value in NOT_POSITIVE
        ),
        *({name: value} for name in ("kernel", "stride", "padding") for value in NOT_A_PAIR),
        *({name: (0, 1)} for name in ("kernel", "stride")),
        *({"input_dtype": dtype} for dtype in ("int8", "", None, np.dtype("int16"))),
        {"epilogue": Epilogue(shortcut_channels=3)},
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^real_conv2d: .+$"):
        dataclasses.replace(PLAIN, **fields)


def test_plain_data_makes_the_same_operator() -> None:
    plain: dict[str, Any] = {"kernel": [3, 3], "padding": [1, 1], "epilogue": dataclasses.asdict(ACCUMULATOR)}
    assert dataclasses.replace(PLAIN, **plain) == PLAIN


def test_cost_and_bytes() -> None:
    operator = dataclasses.replace(PLAIN, height=96, width=312, stride=(2, 2))
    macs = 48 * 156 * 8 * 27
    assert (operator.cost().binary_macs, operator.cost().real_macs, operator.cost().ops) == (0, macs, 2 * macs)
    assert operator.bytes_moved == 96 * 312 * 3 + 27 * 8 + 48 * 156 * 8 * 4


def test_label() -> None:
    assert PLAIN.label() == "real_conv2d 3x3 3->8 5x6"
    assert dataclasses.replace(PLAIN, stride=(2, 2)).label() == "real_conv2d 3x3 3->8 3x3 s2"
    assert dataclasses.replace(PLAIN, stride=(1, 2)).label() == "real_conv2d 3x3 3->8 5x3 s1x2"
