"""Convolutions on tensor cores against the integer reference, their CUDA source run on this CPU."""

from dataclasses import replace

import numpy as np
import pytest

from tests.lowering import emulated_cuda
from tests.strategies import random_inputs
from tvm_bnn.lowering.registry import row_named, rows_for
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load

TARGETS = (load("h200"), load("a100"))
OPERATORS: tuple[Operator, ...] = (
    Conv2d(1, 11, 21, 128, 128, stride=(2, 1), pad_value="zero", epilogue=Epilogue(outputs=("signs",))),
    Conv2d(
        2, 6, 17, 64, 192, dilation=(2, 2), padding=(2, 2), epilogue=Epilogue(rprelu=True, outputs=("byte", "signs"))
    ),
    Conv2d(1, 4, 9, 64, 64, weight_bipolar=False, epilogue=Epilogue("none", outputs=("accumulator",))),
    Dense(37, 200, 128, epilogue=Epilogue(outputs=("stream", "codes"), code_bits=2)),
)


ODD = Conv2d(1, 5, 9, 33, 64, pad_value="zero", activation_bipolar=False)
"""Channels that do not fill a word, numbers 0 and 1."""

LOWERINGS = ("binary-mma", "signs-mma-int8")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.label())
def test_single_bits(operator: Operator, target: Target) -> None:
    """By the instruction that the target has."""
    check("binary-mma", operator, target)


@pytest.mark.parametrize("operator", [*OPERATORS, ODD], ids=lambda operator: operator.label())
def test_bytes(operator: Operator) -> None:
    check("signs-mma-int8", operator, TARGETS[0])


def check(lowering: str, operator: Operator, target: Target) -> None:
    """The default and a point by chance."""
    row = row_named(operator, target, lowering)
    assert row is not None
    tiles = row.space.tiles(Setting(operator, target, 1))
    for point in (None, Point(tiles[np.random.default_rng(1).integers(len(tiles))], {})):
        emulated_cuda.compare(row, operator, target, point)


def test_single_bits_come_first() -> None:
    assert rows_for(OPERATORS[0], TARGETS[0])[0].lowering.name == "binary-mma"


BASE = Conv2d(1, 4, 9, 64, 64)
DECLINED = (replace(BASE, groups=2), replace(BASE, activation_bits=2), replace(BASE, out_channels=96))


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("operator", DECLINED, ids=lambda operator: operator.label())
def test_declined(lowering: str, operator: Conv2d) -> None:
    assert row_named(operator, TARGETS[0], lowering) is None


def test_a_barrier_that_is_missing_is_noticed() -> None:
    operator, target = Conv2d(1, 8, 16, 64, 64, epilogue=Epilogue()), TARGETS[1]
    row, setting = rows_for(operator, target)[0], Setting(operator, target, 1)
    arrays = random_inputs(operator, np.random.default_rng(5))
    output = np.zeros(operator.outputs()[0].shape, np.int16)
    function = row.space.scheduled(row.lowering.function(operator, target), setting, row.space.default(setting))
    whole = emulated_cuda.program(function, target)
    broken = replace(whole, source=whole.source.replace("__syncthreads();", ""))
    emulated_cuda.run(broken, [*row.lowering.pack_inputs(operator, target, arrays), output])
    assert (output != operator.reference(*arrays)[0]).any()
