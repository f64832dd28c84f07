"""Which lowering and which arrangement an operator gets, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.records import Record, RecordBook
from tvm_bnn.tuning.task import extract_tasks

Schedule = Literal["tuned", "transferred", "default", "fallback"]


@dataclass(frozen=True)
class Choice:
    """A lowering, a point of its space and where they come from.

    ``schedule`` is ``tuned`` where a record of this very operator says so, ``transferred`` where the nearest record
    was adapted, ``default`` with zero trials, and ``fallback`` where every fast lowering declined and nothing was
    tuned. ``evidence`` is that of the record, None without one or where it speaks of another target.
    """

    row: Row
    point: Point
    schedule: Schedule
    record: Record | None = None
    evidence: Evidence | None = None

    def scheduled(self, operator: Operator, target: Target, threads: int) -> Any:
        """The operator's function with its loops arranged."""
        function = self.row.lowering.function(operator, target)
        return self.row.space.scheduled(function, Setting(operator, target, threads), self.point)

    def trace(self, operator: Operator, target: Target, threads: int) -> str:
        """The steps that arrange them, as Python that TVM can run."""
        function = self.row.lowering.function(operator, target)
        return self.row.space.trace(function, Setting(operator, target, threads), self.point)


def is_settled(choice: Choice, operator: Operator, target: Target, threads: int) -> bool:
    """Whether a record of this very operator decided, or there is nothing to decide."""
    return choice.schedule == "tuned" or not extract_tasks([("", operator)], target, threads)


def default_choice(operator: Operator, target: Target, threads: int) -> Choice:
    """What zero trials give: the preferred lowering that accepts, its space's default."""
    row = rows_for(operator, target)[0]
    point = row.space.default(Setting(operator, target, threads))
    return Choice(row, point, "fallback" if row.fallback else "default")


def choose(operator: Operator, target: Target, threads: int, book: RecordBook) -> Choice:
    """The best record of this operator, else the nearest adapted, else the default."""
    record, exact = book.best(operator, target, threads)
    if record is None:
        return default_choice(operator, target, threads)
    row = row_named(operator, target, record.lowering)
    assert row is not None  # The book looks for lowerings that accept the operator.
    setting = Setting(operator, target, threads)
    point = (row.space.nearest if exact else row.space.adapted)(setting, record.point)
    evidence = record.line.evidence if record.line.target == target.name else None
    return Choice(row, point, "tuned" if exact else "transferred", record, evidence)
