"""What to try next where results come back much later: points for many trials at once, of all tasks.

Without an answer after each trial nothing tells which lowering wins, so within a task trials are shared: equally at
first, later the more the better a lowering's prospect, and none for those that have lost. Across tasks they go where
the network spends its time, as far as that is known. Points come from where the tuner takes them too: the default,
records of similar operators, then the search, taught with all results so far.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.records import RecordBook
from tvm_bnn.tuning.search import Search
from tvm_bnn.tuning.starts import starts
from tvm_bnn.tuning.state import ArmState, TaskState
from tvm_bnn.tuning.task import TrialKey

_BATCH = 16
"""Trials that a task gets before others are preferred to it, and points that the search generates at a time."""


class Proposal(NamedTuple):
    """A point to be tried."""

    state: TaskState
    arm: ArmState
    point: Point

    @property
    def is_default(self) -> bool:
        """Whether zero trials would take it."""
        return self.arm is self.state.arms[0] and self.point.key == self.arm.arm.default.key


class Proposals:
    """Hands out points, none twice.

    Args:
        states: the tasks, with the trials that they had.
        book: records of near operators, whose points come right after the defaults.
        out: keys of points, by lowering, whose results are awaited.
        seed: of the search.
    """

    def __init__(
        self, states: Sequence[TaskState], book: RecordBook | None, out: Mapping[TrialKey, Set[str]], seed: int
    ) -> None:
        self._states, self._book = states, book
        self._queues = {
            arm.arm.key: _Queue(arm, out.get(arm.arm.key, frozenset()), seed) for state in states for arm in state.arms
        }

    def take(self, number: int) -> Iterator[Proposal]:
        """At most so many; fewer once nothing is left to try."""
        while number > 0 and (proposal := self._next()):
            yield proposal
            number -= 1

    def _next(self) -> Proposal | None:
        while open_states := [state for state in self._states if self._open_arms(state)]:
            state = max(open_states, key=self._worth)
            arm = min(self._open_arms(state), key=lambda arm: self._turn(state, arm))
            if arm.starts is None:
                arm.starts = starts(arm.arm, self._book, self._states)
            point = self._queue(arm).next()
            if point is not None:
                return Proposal(state, arm, point)
        return None

    def _queue(self, arm: ArmState) -> _Queue:
        return self._queues[arm.arm.key]

    def _open_arms(self, state: TaskState) -> list[ArmState]:
        """Lowerings that have points left and have not lost; see :meth:`TaskState.next_arm`."""
        best = state.best_seconds
        return [
            arm
            for arm in state.arms
            if not self._queue(arm).is_empty and (not arm.trials or arm.prospect < best or best == math.inf)
        ]

    def _given(self, state: TaskState) -> int:
        return sum(self._queue(arm).given for arm in state.arms)

    def _worth(self, state: TaskState) -> tuple[bool, float, int]:
        """Sorts what needs trials most last: some for every task, then by the time that the network spends there."""
        given, best = self._given(state), state.best_ms
        return best is None and given < _BATCH, state.task.count * (best or 0.0) / (given + _BATCH), -given

    def _turn(self, state: TaskState, arm: ArmState) -> float:
        """Sorts the lowering whose turn it is first; one that nothing is known of is taken to be like the best."""
        usual = state.best_seconds if math.isfinite(state.best_seconds) else 1.0
        prospect = arm.prospect if math.isfinite(arm.prospect) else usual
        return (self._queue(arm).given + 1) * prospect


class _Queue:
    """The points of one lowering that are not tried and not out; ``given`` counts those that are."""

    def __init__(self, state: ArmState, out: Set[str], seed: int) -> None:
        self.given = len(state.trials) + len(out)
        self.is_empty = False
        self._state, self._seed, self._taken = state, seed, set(out)
        self._taken |= {Point.from_dict(trial.point).key for trial in state.trials}
        self._search: Search | None = None

    def next(self) -> Point | None:
        """Another point; None once there is none, and from then on the queue is empty."""
        for point in self._points():
            if point.key not in self._taken:
                self._taken.add(point.key)
                self.given += 1
                return point
        self.is_empty = True
        return None

    def _points(self) -> Iterator[Point]:
        yield from self._state.untried_starts()
        if self._search is None:
            self._search = Search(self._state.arm, _BATCH, self._seed)
            for trial in self._state.trials:
                self._search.learn(Point.from_dict(trial.point), trial.run_secs)
        while proposed := self._search.propose(1):
            yield from proposed
