"""Every lowering that a board accepts, under emulation, against the integer reference."""

import numpy as np
import pytest

from tests.lowering.test_registry import TILED, some_points
from tests.strategies import ODD_CONVS
from tvm_bnn.estimation.estimate import execute
from tvm_bnn.lowering.registry import Row, rows_for
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load

RPI4 = load("rpi4")
RPI5 = load("rpi5")


def check(operator: Operator, row: Row, point: Point, target: Target) -> None:
    _, mismatch = execute(operator, row, point, target, seed=5)
    assert not mismatch, f"{row.lowering.name} {point} of {operator.label()}: {mismatch}"


def cases(operators: tuple[Operator, ...], target: Target) -> list[object]:
    return [
        pytest.param(row, operator, id=f"{row.lowering.name} {operator.label()}")
        for operator in operators
        for row in rows_for(operator, target)
    ]


@pytest.mark.parametrize(("row", "operator"), cases(TILED, RPI4))
def test_the_default_and_some_points(row: Row, operator: Operator) -> None:
    setting = Setting(operator, RPI4, 1)
    points = [row.space.default(setting)]
    if row.space.points(setting) > 1:
        points += some_points(row, setting, np.random.default_rng(3))
    for point in points:
        check(operator, row, point, RPI4)


@pytest.mark.parametrize("operator", ODD_CONVS, ids=lambda operator: operator.label())
def test_odd_convolutions(operator: Operator) -> None:
    """The preferred lowering: the others make no use of the board's own instructions."""
    row = rows_for(operator, RPI4)[0]
    check(operator, row, row.space.default(Setting(operator, RPI4, 1)), RPI4)


OTHER_ON_RPI5 = [
    pytest.param(row, operator, id=f"{row.lowering.name} {operator.label()}")
    for operator in TILED
    for row in rows_for(operator, RPI5)
    if row.lowering.name not in {other.lowering.name for other in rows_for(operator, RPI4)}
]


@pytest.mark.parametrize(("row", "operator"), OTHER_ON_RPI5)
def test_what_only_dot_products_make_possible(row: Row, operator: Operator) -> None:
    check(operator, row, row.space.default(Setting(operator, RPI5, 1)), RPI5)
