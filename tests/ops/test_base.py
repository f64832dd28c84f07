import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.ops.oracle import assert_same, plain_values
from tests.strategies import (
    LIGHT,
    PACKED_NAMES,
    Array,
    Packed,
    by_name,
    operators,
    random_inputs,
    seeds,
    word_layout,
    word_mask,
)
from tvm_bnn.ops import AccumulatingOperator, Conv2d, Cost, Operator, PooledAttention, Products, TensorSpec
from tvm_bnn.ops.base import exact_matmul
from tvm_bnn.ops.epilogue import check_parameters

MORE = settings(LIGHT, max_examples=60)


def described(specs: tuple[TensorSpec, ...]) -> list[tuple[tuple[int, ...], np.dtype[np.generic]]]:
    return [(spec.shape, np.dtype(spec.dtype)) for spec in specs]


def found(arrays: list[Array]) -> list[tuple[tuple[int, ...], np.dtype[np.generic]]]:
    return [(array.shape, array.dtype) for array in arrays]


# Every operator


@MORE
@given(operators(), seeds)
def test_specs_describe_the_arrays(operator: Operator, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    outputs = list(operator.reference(*inputs))
    assert found(inputs) == described(operator.inputs())
    assert found(outputs) == described(operator.outputs())
    assert operator.bytes_moved == sum(array.nbytes for array in inputs + outputs)


@LIGHT
@given(operators(), seeds)
def test_reference_is_pure(operator: Operator, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    before = [array.copy() for array in inputs]
    first, second = operator.reference(*inputs), operator.reference(*inputs)
    for actual, expected in zip([*first, *inputs], [*second, *before], strict=True):
        assert_same(actual, expected)


@LIGHT
@given(operators())
def test_inputs_have_distinct_names_and_data_come_first(operator: Operator) -> None:
    specs = operator.inputs()
    assert len({spec.name for spec in specs}) == len(specs)
    roles = [spec.role for spec in specs]
    assert roles == sorted(roles, key=["data", "parameter"].index)
    assert {spec.role for spec in operator.outputs()} == {"data"}


@LIGHT
@given(operators(), st.integers(1, 4))
def test_at_changes_the_map_and_nothing_else(operator: Operator, more: int) -> None:
    shape = operator.inputs()[0].shape
    grown = (*(extent + more for extent in shape[:-1]), shape[-1])
    other = operator.at(grown)
    assert operator.at(shape) == operator
    assert other.inputs()[0].shape == grown
    assert other.at(shape) == operator
    assert [spec for spec in other.inputs() if spec.role == "parameter"] == [
        spec for spec in operator.inputs() if spec.role == "parameter"
    ]


@LIGHT
@given(operators())
def test_label_is_one_short_line(operator: Operator) -> None:
    assert operator.label().startswith(operator.kind + " ")
    assert operator.label().isprintable()
    assert len(operator.label()) < 60


@LIGHT
@given(operators())
def test_cost_is_work_on_every_element(operator: Operator) -> None:
    cost = operator.cost()
    macs = cost.binary_macs + cost.real_macs
    has_weight = any(spec.name == "weight" for spec in operator.inputs())
    assert (macs > 0) == (cost.ops > 0) == (has_weight or isinstance(operator, PooledAttention))
    if has_weight:
        assert isinstance(operator, AccumulatingOperator)
        assert macs % np.prod(operator.accumulator_shape()) == 0


@MORE
@given(operators(), seeds)
def test_random_inputs_are_valid(operator: Operator, seed: int) -> None:
    assume(isinstance(operator, AccumulatingOperator))
    assert isinstance(operator, AccumulatingOperator)
    inputs = random_inputs(operator, np.random.default_rng(seed))
    named = by_name(operator, inputs)
    check_parameters(operator.epilogue, operator.accumulator_bound(), named)
    if isinstance(operator, Packed):
        for name in named.keys() & set(PACKED_NAMES):
            channels, planes = word_layout(operator, name)
            assert not np.any(named[name].view(np.uint32) & ~word_mask(channels, planes))
            assert plain_values(named[name], channels, planes, bipolar=False).max() < 2**planes


# The parts


def test_wrong_number_of_arrays_is_refused() -> None:
    operator = Conv2d(1, 3, 3, 1, 1)
    inputs = random_inputs(operator, np.random.default_rng(0))
    with pytest.raises(ValueError, match="zip"):
        operator.reference(*inputs[:-1])


@pytest.mark.parametrize(("dtype", "size"), [("int32", 4), ("int16", 2), ("uint8", 1), ("int8", 1)])
def test_bytes_of_a_tensor(dtype: str, size: int) -> None:
    assert TensorSpec("x", (2, 3, 5), dtype, "data").nbytes == 30 * size


@pytest.mark.parametrize(
    ("bits", "share"), [((1, 1), 1 / 64), ((8, 1), 1 / 8), ((8, 2), 1 / 4), ((8, 8), 1), ((16, 8), 1)]
)
def test_operations_of_a_product_by_its_bits(bits: tuple[int, int], share: float) -> None:
    assert Products(640, *bits).ops == 2 * 640 * share
    assert Cost((Products(640, *bits), Products(5, 8, 8))).ops == 2 * 640 * share + 2 * 5


def test_products_are_binary_by_their_weights() -> None:
    cost = Cost((Products(1, 1, 1), Products(20, 8, 2), Products(300, 8, 3), Products(4000, 8, 8)), other=50000)
    assert (cost.binary_macs, cost.real_macs) == (21, 4300)
    assert cost.ops == 2 * (1 / 64 + 20 / 4 + 300 * 3 / 8 + 4000)


def test_nothing_costs_nothing() -> None:
    assert Cost() == Cost((), 0)
    assert (Cost().ops, Cost().binary_macs, Cost().real_macs) == (0, 0, 0)


@pytest.mark.parametrize("bound", [2**24 - 1, 2**24, 2**24 + 1, 2**31 - 1])
def test_matrix_product_is_exact_up_to_its_bound(bound: int) -> None:
    left = np.array([[bound - 1, 1], [-bound, 0], [bound // 2, bound // 2]], np.int64)
    right = np.array([[1, -1], [1, -1]], np.int64)
    assert_same(exact_matmul(left, right, bound), (left @ right).astype(np.int32))


def test_operators_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Conv2d(1, 3, 3, 1, 1).batch = 2  # type: ignore[misc]
