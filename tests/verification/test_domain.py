from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from tvm_bnn._tvm import tirx
from tvm_bnn.verification import domain as module
from tvm_bnn.verification.domain import Domain

X, Y, Z = (tirx.Var(name, "int32") for name in "xyz")
SPACE = Domain().inside(X, 0, 7).inside(Y, 2, 5).inside(Z, 0, 3)


def by_hand(*conditions: Callable[[int, int, int], bool]) -> int:
    return sum(all(holds(*point) for holds in conditions) for point in product(range(7), range(2, 7), range(3)))


def test_without_conditions_all_points_count() -> None:
    assert SPACE.points == 7 * 5 * 3
    assert Domain().points == 1


@pytest.mark.parametrize(
    ("conditions", "same"),
    [
        ([X * 2 + Z < 9], [lambda x, y, z: x * 2 + z < 9]),
        ([X < 3, Y >= 4], [lambda x, y, z: x < 3, lambda x, y, z: y >= 4]),
        ([tirx.And(X < 3, Y >= 4)], [lambda x, y, z: x < 3 and y >= 4]),
        ([tirx.Or(X < 3, Y >= 4)], [lambda x, y, z: x < 3 or y >= 4]),
        ([tirx.Not(X + Y < 6), tirx.NE(Y, 5)], [lambda x, y, z: x + y >= 6, lambda x, y, z: y != 5]),
        ([X + Y < 8, Y + Z > 4], [lambda x, y, z: x + y < 8, lambda x, y, z: y + z > 4]),
        (
            [tirx.floordiv(X, 2) + tirx.floormod(Y, 3) <= 2, tirx.min(X, Y) > 1],
            [lambda x, y, z: x // 2 + y % 3 <= 2, lambda x, y, z: min(x, y) > 1],
        ),
        ([tirx.const(1, "int32") < 0], [lambda x, y, z: False]),
    ],
)
def test_conditions_select_points(conditions: list[Any], same: list[Callable[[int, int, int], bool]]) -> None:
    space = SPACE
    for condition in conditions:
        space = space.where(condition)
    assert space.points == by_hand(*same)


def test_a_large_space_is_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_POINTS", 4)
    assert SPACE.where(X * Y < Z * 9).points == by_hand(lambda x, y, z: x * y < z * 9)


def test_conditions_on_data_are_refused() -> None:
    data = tirx.decl_buffer((7,), "int32")
    with pytest.raises(ValueError, match="expected a condition on loop variables"):
        assert SPACE.where(data[X] < 3).points
