"""Attention on tensor cores against the integer reference, its CUDA source run on this CPU."""

from dataclasses import replace

import numpy as np
import pytest

from tests.lowering import emulated_cuda
from tests.lowering.test_registry import FULL
from tests.strategies import random_inputs
from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.ops import Epilogue, PooledAttention
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load

TARGETS = (load("h200"), load("a100"))
USUAL = PooledAttention(2, 9, 12, 110, 64, 128, epilogue=FULL)
PLAIN = replace(USUAL, epilogue=Epilogue())
OPERATORS = (
    USUAL,
    PooledAttention(1, 3, 17, 33, 129, 64, 4, epilogue=Epilogue(outputs=("byte", "codes"), code_bits=3)),
    PooledAttention(1, 2, 8, 1, 31, 64, 8, epilogue=Epilogue("none", outputs=("accumulator", "signs"))),
)


def row_of(operator: PooledAttention, target: Target) -> Row:
    """The row on tensor cores, which comes first."""
    row = rows_for(operator, target)[0]
    assert row.lowering.name == "attention-mma"
    return row


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.label())
def test_points(operator: PooledAttention, target: Target) -> None:
    """The default, and the last tile with values laid out by the other variant."""
    row, setting = row_of(operator, target), Setting(operator, target, 1)
    last = Point(row.space.tiles(setting)[-1], row.space.variants(setting)[-1])
    for point in (None, last):
        emulated_cuda.compare(row, operator, target, point)


def test_weights_that_are_all_zero() -> None:
    arrays = random_inputs(USUAL, np.random.default_rng(1))
    names = [spec.name for spec in USUAL.inputs()]
    arrays[names.index("table")][:] = 0
    emulated_cuda.compare_arrays(row_of(USUAL, TARGETS[0]), USUAL, TARGETS[0], arrays, None)


def test_one_kernel_or_one_for_the_values() -> None:
    row, setting = row_of(USUAL, TARGETS[0]), Setting(USUAL, TARGETS[0], 1)
    function = row.lowering.function(USUAL, TARGETS[0])
    for number, variant in enumerate(row.space.variants(setting)):
        point = Point(row.space.default(setting).tile, variant)
        compiled = emulated_cuda.program(row.space.scheduled(function, setting, point), TARGETS[0])
        assert (emulated_cuda.launches(compiled), emulated_cuda.scratch(compiled)) == (1 + number, number)


@pytest.mark.parametrize(
    "operator", [replace(PLAIN, value_channels=192, anchors=257), replace(PLAIN, value_channels=96)]
)
def test_declined(operator: PooledAttention) -> None:
    assert row_named(operator, TARGETS[0], "attention-mma") is None
