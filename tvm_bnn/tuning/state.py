"""What is known of each task while it is tuned: the trials of its lowerings, the best point, the failures."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass, field

from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.prospects import prospect
from tvm_bnn.tuning.task import Arm, Task


@dataclass
class ArmState:
    """Progress of one lowering; ``starts`` are points worth trying right after the default, None until looked up."""

    arm: Arm
    trials: list[Trial] = field(default_factory=list)
    starts: list[Point] | None = None
    exhausted: bool = False

    @property
    def best(self) -> Trial | None:
        """The fastest that ran and was right."""
        return min((trial for trial in self.trials if trial.run_secs), key=median_seconds, default=None)

    @property
    def prospect(self) -> float:
        """Seconds that further trials may be expected to reach; infinite if none was valid.

        The least time of each trial counts: a busy moment of the machine must not end a lowering.
        """
        return prospect([min(trial.run_secs) for trial in self.trials if trial.run_secs])

    def untried_starts(self) -> list[Point]:
        """The default, then the other starts, without those that were tried."""
        tried = {trial_key(trial) for trial in self.trials}
        points = {point.key: point for point in (self.arm.default, *(self.starts or ()))}
        return [point for key, point in points.items() if key not in tried]


@dataclass
class TaskState:
    """Progress of one task."""

    task: Task
    arms: list[ArmState] = field(init=False)

    def __post_init__(self) -> None:
        self.arms = [ArmState(arm) for arm in self.task.arms]

    def take(self, trials: list[Trial]) -> None:
        """Count those trials that belong to this task."""
        for state in self.arms:
            state.trials += [trial for trial in trials if trial.task_key == state.arm.key]

    def is_strange(self, trial: Trial) -> bool:
        """Whether it belongs to this task by what it says, and its point is none of the space's."""
        point = Point.from_dict(trial.point)
        return any(trial.task_key == state.arm.key and not state.arm.has(point) for state in self.arms)

    @property
    def trials(self) -> list[Trial]:
        """All trials, by lowering."""
        return [trial for state in self.arms for trial in state.trials]

    @property
    def best(self) -> Trial | None:
        """The fastest that ran and was right."""
        return min((arm.best for arm in self.arms if arm.best), key=median_seconds, default=None)

    @property
    def valid(self) -> list[Trial]:
        """Trials that ran and were right, fastest first."""
        return sorted((t for t in self.trials if t.run_secs), key=median_seconds)

    @property
    def best_seconds(self) -> float:
        """Median of the fastest; infinite if none was valid."""
        return median_seconds(self.best) if self.best else math.inf

    @property
    def best_ms(self) -> float | None:
        """Median of the fastest, in milliseconds."""
        return self.best_seconds * 1e3 if math.isfinite(self.best_seconds) else None

    @property
    def best_gops(self) -> float | None:
        """Speed of the fastest, 2 MAC / time, in 1e9 / s."""
        cost = self.task.operator.cost()
        best = self.best_ms
        return 2 * (cost.binary_macs + cost.real_macs) / best / 1e6 if best else None

    @property
    def failures(self) -> Counter[str]:
        """How many trials failed, by kind."""
        return Counter(t.failure for t in self.trials if t.failure)

    @property
    def worth(self) -> float:
        """Expected gain of another batch: the time the network spends here, less the more was tried."""
        untried = float("inf") if not self.trials else 0.0
        best = self.best_ms or 0.0
        return untried or self.task.count * best / (len(self.trials) + 16)

    def next_arm(self) -> ArmState | None:
        """The lowering that the next trials go to; None if there is nothing left to try.

        Every lowering is tried once. Then comes the one with the best prospect, among those whose prospect is better
        than what the fastest has shown; the others get nothing more. One without a valid point is hopeless as soon as
        another has one; while none has, they take turns.
        """
        live = [state for state in self.arms if not state.exhausted]
        best = self.best_seconds
        open_arms = [s for s in live if not s.trials or s.prospect < best or best == math.inf]
        return min(open_arms, key=lambda s: (bool(s.trials), s.prospect, len(s.trials)), default=None)


def median_seconds(trial: Trial) -> float:
    """Median of a valid trial; infinite for a failed one."""
    return statistics.median(trial.run_secs or [math.inf])


def trial_key(trial: Trial) -> str:
    """Key of the point that was tried."""
    return Point.from_dict(trial.point).key
