"""Every lowering for GPUs without tensor cores against the integer reference, its CUDA source run on this CPU."""

import pytest

from tests.lowering import emulated_cuda
from tests.lowering.test_registry import FULL, TILED
from tests.strategies import ODD_CONVS
from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.ops import Bitpack, Conv2d, Epilogue, Operator
from tvm_bnn.ops.stream import AvgPool2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import load

TARGET = load("h200")
OPERATORS = (
    *TILED,
    *ODD_CONVS[::5],
    Bitpack(1, 3, 5, 64, epilogue=Epilogue(outputs=("signs",))),
    AvgPool2d(1, 6, 8, 64, epilogue=FULL),
)
CASES = [
    pytest.param(row, operator, id=f"{row.lowering.name} {operator.label()}")
    for operator in OPERATORS
    for row in rows_for(operator, TARGET)
    if "mma" not in row.lowering.name
]


@pytest.mark.parametrize(("row", "operator"), CASES)
def test_default(row: Row, operator: Operator) -> None:
    emulated_cuda.compare(row, operator, TARGET)


def test_points_of_threads() -> None:
    operator = Conv2d(1, 7, 19, 64, 64, epilogue=FULL)
    row = row_named(operator, TARGET, "popcount-threads")
    assert row is not None
    for tile in row.space.tiles(Setting(operator, TARGET, 1))[::16]:
        emulated_cuda.compare(row, operator, TARGET, Point(tile, {}))
