"""Tasks: the distinct operators of a network that have something to tune."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tvm_bnn.lowering.registry import Row, rows_for
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Target
from tvm_bnn.tuning.plan import tunable


@dataclass(frozen=True)
class Task:
    """One operator with the lowering to tune; ``count`` is how often the network runs it."""

    index: int
    operator: Operator
    row: Row
    setting: Setting
    count: int
    places: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What trials of this task carry."""
        return self.operator.signature, self.row.lowering.name, self.row.space.version, self.setting.threads

    @property
    def points(self) -> int:
        """Size of the space."""
        return self.row.space.points(self.setting)


def extract_tasks(operators: Iterable[tuple[str, Operator]], target: Target, threads: int) -> list[Task]:
    """Tasks in the order in which the network first needs them; ``operators`` are (place, operator) pairs."""
    pairs = list(operators)
    counts = Counter(operator.signature for _, operator in pairs)
    tasks: list[Task] = []
    for operator in dict.fromkeys(operator for _, operator in pairs):
        row, setting = rows_for(operator, target)[0], Setting(operator, target, threads)
        if tunable(row, setting):
            places = tuple(place for place, other in pairs if other == operator)
            tasks.append(Task(len(tasks), operator, row, setting, counts[operator.signature], places))
    return tasks
