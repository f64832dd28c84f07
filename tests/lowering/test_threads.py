"""Every lowering for GPUs against the integer reference, its CUDA source run on this CPU."""

from dataclasses import replace

import numpy as np
import pytest

from tests.lowering import emulated_cuda
from tests.lowering.test_registry import FULL, TILED
from tests.strategies import ODD_CONVS, random_inputs
from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.ops import Bitpack, Conv2d, Dense, Epilogue, Operator
from tvm_bnn.ops.stream import AvgPool2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load

TARGETS = (load("h200"), load("a100"))
OPERATORS = (
    *TILED,
    *ODD_CONVS[::5],
    Bitpack(1, 3, 5, 64, epilogue=Epilogue(outputs=("signs",))),
    AvgPool2d(1, 6, 8, 64, epilogue=FULL),
)
MMA = (
    Conv2d(1, 11, 21, 128, 128, stride=(2, 1), pad_value="zero", epilogue=Epilogue(outputs=("signs",))),
    Conv2d(
        2, 6, 17, 64, 192, dilation=(2, 2), padding=(2, 2), epilogue=Epilogue(rprelu=True, outputs=("byte", "signs"))
    ),
    Conv2d(1, 4, 9, 64, 64, weight_bipolar=False, epilogue=Epilogue("none", outputs=("accumulator",))),
    Dense(37, 200, 128, epilogue=Epilogue(outputs=("stream", "codes"), code_bits=2)),
)


def check(row: Row, operator: Operator, target: Target, point: Point | None = None) -> None:
    """The kernels of a row write the reference's bytes."""
    setting = Setting(operator, target, 1)
    arrays = random_inputs(operator, np.random.default_rng(5))
    outputs = [np.full(spec.shape, 85, spec.dtype) for spec in operator.outputs()]
    function = row.space.scheduled(
        row.lowering.function(operator, target), setting, row.space.default(setting) if point is None else point
    )
    compiled = emulated_cuda.program(function, target)
    emulated_cuda.run(compiled, [*row.lowering.pack_inputs(operator, target, arrays), *outputs])
    for spec, want, got in zip(operator.outputs(), operator.reference(*arrays), outputs, strict=True):
        np.testing.assert_array_equal(got, want, f"{row.lowering.name} {point} {spec.name} of {operator.label()}")


CASES = [
    pytest.param(row, operator, id=f"{row.lowering.name} {operator.label()}")
    for operator in OPERATORS
    for row in rows_for(operator, TARGETS[0])[:2]
]


@pytest.mark.parametrize(("row", "operator"), CASES)
def test_default(row: Row, operator: Operator) -> None:
    check(row, operator, TARGETS[0])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("operator", MMA, ids=lambda operator: operator.label())
def test_points_on_tensor_cores(operator: Operator, target: Target) -> None:
    """The default and a point by chance, by the instruction that the target has."""
    row = rows_for(operator, target)[0]
    assert row.lowering.name == "binary-mma"
    tiles = row.space.tiles(Setting(operator, target, 1))
    for point in (None, Point(tiles[np.random.default_rng(1).integers(len(tiles))], {})):
        check(row, operator, target, point)


def test_points_of_threads() -> None:
    operator = Conv2d(1, 7, 19, 64, 64, epilogue=FULL)
    row = row_named(operator, TARGETS[0], "popcount-threads")
    assert row is not None
    for tile in row.space.tiles(Setting(operator, TARGETS[0], 1))[::16]:
        check(row, operator, TARGETS[0], Point(tile, {}))


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
