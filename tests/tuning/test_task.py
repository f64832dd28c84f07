import pytest

from tests.tuning.fakes import CONV, TARGET, WIDE
from tests.tuning.test_plan import LABELS, MASKED
from tvm_bnn.lowering import registry
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Operator, RealConv2d
from tvm_bnn.spaces.base import Setting
from tvm_bnn.tuning.task import arms_of, extract_tasks

REAL = RealConv2d(1, 8, 8, 64, 64)


def test_tasks_are_the_distinct_operators_with_a_choice() -> None:
    pairs = [("a", CONV), ("b", LABELS), ("c", WIDE), ("d", CONV)]
    tasks = extract_tasks(iter(pairs), TARGET, 2)
    assert [(t.index, t.operator, t.count, t.places) for t in tasks] == [(0, CONV, 2, ("a", "d")), (1, WIDE, 1, ("c",))]
    first = tasks[0].arms[0]
    assert first.key == (CONV.signature, "popcount-lanes", first.row.space.version, 2)
    assert first.points == len(first.row.space.tiles(first.setting)) * len(first.row.space.variants(first.setting))
    assert tasks[0].points == sum(arm.points for arm in tasks[0].arms)


@pytest.mark.parametrize("operator", [CONV, MASKED, LABELS, REAL])
def test_every_lowering_that_accepts_competes_and_fallbacks_do_not(operator: Operator) -> None:
    rows = rows_for(operator, TARGET)
    arms = arms_of(Setting(operator, TARGET, 2))
    fast = [row for row in rows if not row.fallback]
    assert [arm.row for arm in arms] == (fast or rows)


def test_a_fallback_comes_last_and_serves_what_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    fallbacks = tuple(sorted(registry.ROWS, key=lambda row: not row.fallback))
    monkeypatch.setattr(registry, "ROWS", fallbacks)
    assert [row.fallback for row in rows_for(CONV, TARGET)] == sorted(row.fallback for row in rows_for(CONV, TARGET))
    monkeypatch.setattr(registry, "ROWS", tuple(row for row in fallbacks if row.fallback))
    assert [arm.row.fallback for arm in arms_of(Setting(MASKED, TARGET, 2))] == [True]
