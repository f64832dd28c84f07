"""How soon a search is near the best it ever finds: the curve of one run, and tables of many."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.state import median_seconds

CHECKPOINTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 500)
GOAL, WITHIN = 0.95, 32
"""The promise: so large a share of the best speed within so many trials."""


@dataclass(frozen=True)
class Incumbent:
    """A point that was the best so far from trial ``since`` on; times in milliseconds, measured again afterwards."""

    since: int
    lowering: str
    point: dict[str, Any]
    median_ms: float
    p5_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Curve:
    """One run of ``trials`` trials over one layer: its incumbents in order."""

    layer: str
    seed: int
    trials: int
    valid: int
    seconds: float
    incumbents: tuple[Incumbent, ...]

    @property
    def best_ms(self) -> float:
        """The least of all that were measured again."""
        return min(incumbent.median_ms for incumbent in self.incumbents)

    def share(self, trials: int) -> float:
        """Speed of what is the best after so many trials, as a share of the best; 0 while nothing was valid."""
        held = [incumbent for incumbent in self.incumbents if incumbent.since <= trials]
        return self.best_ms / held[-1].median_ms if held else 0.0

    def needed(self, share: float = GOAL) -> int:
        """Trials after which the share is reached and never lost again."""
        below = [number for number in range(1, self.trials + 1) if self.share(number) < share]
        return below[-1] + 1 if below else 1


def improvements(trials: Sequence[Trial]) -> list[int]:
    """Numbers, from 1, of the trials that were faster than all before."""
    best, found = float("inf"), []
    for number, trial in enumerate(trials, 1):
        if median_seconds(trial) < best:
            best = median_seconds(trial)
            found.append(number)
    return found


def incumbent(since: int, trial: Trial, seconds: Sequence[float]) -> Incumbent:
    """What a trial is worth by the times that were taken afterwards."""
    low, median, high = (float(value) * 1e3 for value in np.percentile(seconds, [5, 50, 95]))
    return Incumbent(since, trial.lowering, trial.point, median, low, high)


def markdown(curves: Sequence[Curve], machine: str, target: str) -> str:
    """Tables for people."""
    marks = [mark for mark in CHECKPOINTS if mark <= max(curve.trials for curve in curves)]
    kept = sum(curve.share(WITHIN) >= GOAL for curve in curves)
    worst = min(curve.share(WITHIN) for curve in curves)
    median = statistics.median(curve.needed() for curve in curves)
    lines = [
        f"# How soon tuning is near its best, on {machine} ({target}), measured",
        "",
        "Made by `python -m benchmarks.convergence`. Share = speed of the best point among the first so many trials /",
        "speed of the best of all trials of the run; every point that was ever the best is measured again, in turn,",
        "after the run, and only those times count. One thread; binary 3x3 layers; every lowering takes part.",
        "",
        f"| layer | seed | trials | {' | '.join(f'{mark}' for mark in marks)} | trials to {GOAL:.0%} | best ms | by |",
        "|" + "---|" * (6 + len(marks)),
        *(_row(curve, marks) for curve in curves),
        "",
        f"- At least {GOAL:.0%} within {WITHIN} trials: {kept} of {len(curves)} runs; the least is {worst:.1%}.",
        f"- Trials to {GOAL:.0%}: median {median:g}, most {max(curve.needed() for curve in curves)}.",
    ]
    return "\n".join(lines) + "\n"


def _row(curve: Curve, marks: Sequence[int]) -> str:
    best = min(curve.incumbents, key=lambda held: held.median_ms)
    cells = [
        curve.layer,
        f"{curve.seed}",
        f"{curve.trials}",
        *(f"{curve.share(mark):.1%}" for mark in marks),
        f"{curve.needed()}",
        f"{best.median_ms:.4f} ({best.p5_ms:.4f}-{best.p95_ms:.4f})",
        best.lowering,
    ]
    return "| " + " | ".join(cells) + " |"
