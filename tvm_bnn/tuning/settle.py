"""From trials to a record: the finalists of a task are measured again, in turn, and the fastest is kept."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from tvm_bnn import __version__
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import cpu_model
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.records import Contender, Record, RecordLine, parse_record
from tvm_bnn.tuning.runner import Runner, run_one
from tvm_bnn.tuning.state import TaskState, median_seconds
from tvm_bnn.tuning.task import Arm
from tvm_bnn.tuning.worker import Request

_ROUNDS, _REPEATS = 4, 5
"""Each finalist is measured so often in turn, and so many times each turn."""

_CLOSE = 1.1
"""The best point of a lowering is a finalist if it takes at most so many times as long as the fastest."""


class Measures(Protocol):
    """The part of the tuner that is needed here."""

    runner: Runner

    def request(self, arm: Arm, point: Point) -> Request:
        """What the runner is asked for."""


def versions() -> dict[str, str]:
    """Versions that a record or a work dir depends on."""
    packages = {"tvm": "apache-tvm", "tvm-ffi": "apache-tvm-ffi"}
    return {"tvm-bnn": __version__} | {name: importlib.metadata.version(p) for name, p in packages.items()}


@dataclass(frozen=True)
class _Finalist:
    """A trial that may win; ``order`` sorts what is preferred among equals first."""

    arm: Arm
    trial: Trial
    order: tuple[int, bool]

    @property
    def point(self) -> Point:
        """What was tried."""
        return Point.from_dict(self.trial.point)

    @property
    def key(self) -> tuple[str, str]:
        """Lowering and point."""
        return self.arm.lowering, self.point.key


Times = Mapping[tuple[str, str], Sequence[float]]
"""Seconds, by the key of the finalist."""


def settle(state: TaskState, measures: Measures | None) -> Record | None:
    """The record of a task; None where it has no valid trials, or none that is right each time.

    The fastest trials, the best of every lowering that comes near them and the default are measured again in turn,
    so that a lucky first measurement does not decide; without ``measures`` (an interrupted run) the trials stand as
    they are. Finalists whose middle halves (25th to 75th percentile) overlap with that of the best median tie with
    it: then the lowering that comes first in the registry wins, and of one lowering the default point.
    """
    finalists = _finalists(state)
    if not finalists:
        return None
    times: Times = {f.key: f.trial.run_secs or [] for f in finalists}
    if measures is not None:
        again = _again(measures, finalists)
        for finalist in finalists:
            if finalist.key in again.wrong:
                _disprove(finalist.trial, again.wrong[finalist.key])
        finalists = [finalist for finalist in finalists if finalist.key not in again.wrong]
        if not finalists:
            return settle(state, measures)
        times = again.seconds or times
    return _record(state, [finalist for finalist in finalists if finalist.key in times], times)


def _finalists(state: TaskState) -> list[_Finalist]:
    """The two fastest trials, the best of every lowering that comes near, the default; fastest first."""
    entries = [
        _Finalist(arm.arm, trial, (number, trial.point != arm.arm.default.to_dict()))
        for number, arm in enumerate(state.arms)
        for trial in arm.trials
        if trial.run_secs
    ]
    entries.sort(key=lambda entry: median_seconds(entry.trial))
    close = [entry for entry in entries if median_seconds(entry.trial) <= _CLOSE * state.best_seconds]
    best_of = {entry.arm.lowering: entry for entry in reversed(close)}
    default = [entry for entry in entries if entry.order == (0, False)]
    return list({entry.key: entry for entry in (*entries[:2], *best_of.values(), *default)}.values())


@dataclass
class _Again:
    """What came of measuring again, by the key of the finalist: times, or what was wrong."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)


def _again(measures: Measures, finalists: Sequence[_Finalist]) -> _Again:
    again = _Again()
    for _ in range(_ROUNDS):
        for finalist in finalists:
            request = replace(measures.request(finalist.arm, finalist.point), repeat=_REPEATS)
            result = run_one(measures.runner, request)
            if result.get("failure") in ("wrong", "memory"):
                again.wrong[finalist.key] = result["message"]
            elif "run_secs" in result:
                again.seconds.setdefault(finalist.key, []).extend(result["run_secs"])
    again.seconds = {key: times for key, times in again.seconds.items() if key not in again.wrong}
    return again


def _disprove(trial: Trial, message: str) -> None:
    """A kernel that was right once and then wrong is wrong: its times no longer count in this run."""
    trial.run_secs, trial.failure, trial.message = None, "wrong", message


def _record(state: TaskState, finalists: Sequence[_Finalist], times: Times) -> Record:
    medians = {finalist.key: float(np.median(times[finalist.key])) * 1e3 for finalist in finalists}
    fastest = min(finalists, key=lambda finalist: medians[finalist.key])
    equals = [f for f in finalists if f is fastest or _overlap(times[f.key], times[fastest.key])]
    winner = min(equals, key=lambda finalist: (finalist.order, medians[finalist.key]))
    line = record_line(state, winner.arm, winner.trial, np.array(times[winner.key]) * 1e3)
    others = [finalist for finalist in finalists if finalist is not winner]
    if others:
        second = min(others, key=lambda finalist: medians[finalist.key])
        line.runner_up = Contender(
            lowering=second.arm.lowering, point=second.point.to_dict(), median_ms=medians[second.key]
        )
        line.tie = _overlap(times[winner.key], times[second.key])
    default = next((finalist for finalist in finalists if finalist.order == (0, False)), None)
    line.default_ms = medians[default.key] if default else None
    return parse_record(line.model_dump_json())


def _overlap(left: Sequence[float], right: Sequence[float]) -> bool:
    """Whether the middle halves of two samples overlap."""
    (low, high), (other_low, other_high) = (np.percentile(times, [25, 75]) for times in (left, right))
    return bool(low <= other_high and other_low <= high)


def record_line(state: TaskState, arm: Arm, trial: Trial, milliseconds: np.ndarray) -> RecordLine:
    """What a record says of its winner, measured here or on a board."""
    low, median, high = (float(value) for value in np.percentile(milliseconds, [5, 50, 95]))
    return RecordLine(
        target=arm.setting.target.name,
        evidence="measured",
        operator=arm.operator.to_dict(),
        lowering=arm.lowering,
        space=arm.row.space.name,
        space_version=arm.row.space.version,
        point=trial.point,
        threads=arm.setting.threads,
        median_ms=median,
        p5_ms=low,
        p95_ms=high,
        runs=len(milliseconds),
        trials=len(state.trials),
        machine=str(trial.board["model"]) if trial.board else cpu_model(),
        versions=versions(),
    )
