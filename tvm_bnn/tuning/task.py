"""Tasks: the distinct operators of a network that have something to tune, each with the lowerings that compete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tvm_bnn.lowering.registry import Row, rows_for
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target

TrialKey = tuple[str, str, int, int]
"""Operator signature, lowering, space version, threads."""


@dataclass(frozen=True)
class Arm:
    """One lowering of an operator, with the space that is searched."""

    row: Row
    setting: Setting

    @property
    def operator(self) -> Operator:
        """What is computed."""
        return self.setting.operator

    @property
    def lowering(self) -> str:
        """Name of the lowering."""
        return self.row.lowering.name

    @property
    def key(self) -> TrialKey:
        """What trials of this arm carry."""
        return self.operator.signature, self.lowering, self.row.space.version, self.setting.threads

    @property
    def points(self) -> int:
        """Size of the space."""
        return self.row.space.points(self.setting)

    def has(self, point: Point) -> bool:
        """Whether the space has this very point."""
        return self.row.space.nearest(self.setting, point) == point

    @property
    def default(self) -> Point:
        """The point taken with zero trials."""
        return self.row.space.default(self.setting)


@dataclass(frozen=True)
class Task:
    """One operator; ``count`` is how often the network runs it, ``arms`` are its lowerings, preferred first."""

    index: int
    arms: tuple[Arm, ...]
    count: int
    places: tuple[str, ...]

    @property
    def operator(self) -> Operator:
        """What is computed."""
        return self.arms[0].operator

    @property
    def setting(self) -> Setting:
        """What loops are arranged for, in every arm."""
        return self.arms[0].setting

    @property
    def row(self) -> Row:
        """What zero trials take."""
        return self.arms[0].row

    @property
    def points(self) -> int:
        """Size of all spaces together."""
        return sum(arm.points for arm in self.arms)

    @property
    def lowerings(self) -> list[str]:
        """Names of the lowerings that compete."""
        return [arm.lowering for arm in self.arms]


def extract_tasks(operators: Iterable[tuple[str, Operator]], target: Target, threads: int) -> list[Task]:
    """Tasks in the order in which the network first needs them; ``operators`` are (place, operator) pairs."""
    pairs = list(operators)
    counts = Counter(operator.signature for _, operator in pairs)
    tasks: list[Task] = []
    for operator in dict.fromkeys(operator for _, operator in pairs):
        places = tuple(place for place, other in pairs if other == operator)
        task = Task(len(tasks), arms_of(Setting(operator, target, threads)), counts[operator.signature], places)
        if task.points > 1:
            tasks.append(task)
    return tasks


def arms_of(setting: Setting) -> tuple[Arm, ...]:
    """The lowerings that accept an operator; fallbacks only where nothing else does."""
    rows = rows_for(setting.operator, setting.target)
    fast = [row for row in rows if not row.fallback]
    return tuple(Arm(row, setting) for row in fast or rows)
