"""The border classes and corrections of zero padding, against a walk over every tap."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from tvm.sym import Analyzer

from tests.strategies import ODD_CONVS, conv2ds, random_inputs, seeds
from tvm_bnn._tvm import tirx
from tvm_bnn.lowering import popcount
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.ops.tensors import Array

PADDED = [conv for conv in ODD_CONVS if popcount.needs_correction(conv)]
QUIET = Epilogue("none", outputs=("accumulator",))


def outside(conv: Conv2d, axis: int, output: int) -> tuple[bool, ...]:
    """Which taps of an output lie outside the map, along one axis."""
    size = (conv.height, conv.width)[axis]
    places = [
        output * conv.stride[axis] - conv.padding[axis] + tap * conv.dilation[axis] for tap in range(conv.kernel[axis])
    ]
    return tuple(not 0 <= place < size for place in places)


def classes(conv: Conv2d, axis: int) -> list[int]:
    analyzer = Analyzer()
    found = [popcount.border_class(conv, axis, tirx.const(i, "int32")) for i in range(conv.output_size[axis])]
    return [int(analyzer.simplify(value)) for value in found]


def brute_correction(conv: Conv2d, weight: Array, row: int, column: int) -> Array:
    """(2^A - 1) times the weights of all taps outside, per output channel."""
    values = conv.weight_values(weight)
    total = np.zeros(conv.out_channels, np.int64)
    for (r, up), (c, left) in itertools.product(enumerate(outside(conv, 0, row)), enumerate(outside(conv, 1, column))):
        if up or left:
            total += values[:, r, c].sum(axis=1)
    return total * (2**conv.activation_bits - 1)


def check(conv: Conv2d, seed: int) -> None:
    names = [spec.name for spec in conv.inputs()]
    weight = random_inputs(conv, np.random.default_rng(seed))[names.index("weight")]
    table, rows, columns = popcount.correction(conv, weight), classes(conv, 0), classes(conv, 1)
    assert table.shape == popcount.correction_shape(conv)
    for row, column in itertools.product(range(len(rows)), range(len(columns))):
        wanted = brute_correction(conv, weight, row, column)
        np.testing.assert_array_equal(table[rows[row], columns[column]], wanted, f"{row}, {column}")


@pytest.mark.parametrize("conv", PADDED, ids=lambda conv: conv.label())
def test_corrections_of_odd_convolutions(conv: Conv2d) -> None:
    check(conv, 5)


@settings(max_examples=40, deadline=None)
@given(conv=conv2ds(pad_value="zero", activation_bipolar=True, in_channels=33, groups=1, epilogue=QUIET), seed=seeds)
def test_corrections_of_any_convolution(conv: Conv2d, seed: int) -> None:
    check(conv, seed)


@settings(max_examples=40, deadline=None)
@given(conv=conv2ds(pad_value="zero", in_channels=1, out_channels=1, groups=1, epilogue=QUIET))
def test_outputs_of_one_class_see_the_same_taps(conv: Conv2d) -> None:
    for axis in (0, 1):
        numbers = classes(conv, axis)
        by_class: dict[int, set[tuple[bool, ...]]] = {}
        for output, number in enumerate(numbers):
            by_class.setdefault(number, set()).add(outside(conv, axis, output))
        assert all(len(seen) == 1 for seen in by_class.values())
        assert max(numbers) < popcount.correction_shape(conv)[axis]
        assert numbers == sorted(numbers)


def test_large_maps_have_few_classes() -> None:
    conv = Conv2d(1, 100, 60, 64, 8, kernel=(5, 3), padding=(2, 1), pad_value="zero")
    assert popcount.correction_shape(conv) == (5, 3, 8)


def test_only_zero_padding_of_bipolar_activations_needs_it() -> None:
    conv = Conv2d(1, 5, 5, 64, 8, pad_value="zero")
    assert popcount.needs_correction(conv)
    for other in (
        Conv2d(1, 5, 5, 64, 8, pad_value="one"),
        Conv2d(1, 5, 5, 64, 8, pad_value="zero", padding=(0, 0)),
        Conv2d(1, 5, 5, 64, 8, pad_value="zero", activation_bipolar=False),
    ):
        assert not popcount.needs_correction(other)
