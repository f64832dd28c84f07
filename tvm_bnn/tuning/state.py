"""What is known of each task while it is tuned: its trials, its best point, its failures."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.task import Task


@dataclass
class TaskState:
    """Progress of one task."""

    task: Task
    trials: list[Trial] = field(default_factory=list)
    exhausted: bool = False

    @property
    def valid(self) -> list[Trial]:
        """Trials that ran and were right, fastest first."""
        return sorted((t for t in self.trials if t.run_secs), key=median_seconds)

    @property
    def best_ms(self) -> float | None:
        """Median of the fastest, in milliseconds."""
        valid = self.valid
        return median_seconds(valid[0]) * 1e3 if valid else None

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
    def default_ms(self) -> float | None:
        """Median of the default arrangement, if it was tried, in milliseconds."""
        key = self.task.row.space.default(self.task.setting).key
        times = [median_seconds(t) for t in self.valid if Point.from_dict(t.point).key == key]
        return times[0] * 1e3 if times else None

    @property
    def worth(self) -> float:
        """Expected gain of another batch: the time the network spends here, less the more was tried."""
        untried = float("inf") if not self.trials else 0.0
        best = self.best_ms or 0.0
        return untried or self.task.count * best / (len(self.trials) + 16)


def median_seconds(trial: Trial) -> float:
    """Median of a valid trial."""
    return statistics.median(trial.run_secs or [float("inf")])
