"""From trials to a record: the finalists of a task are measured again, in turn, and the fastest is kept."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from tvm_bnn import __version__
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import cpu_model
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.records import Record, RecordLine, parse_record
from tvm_bnn.tuning.runner import Runner
from tvm_bnn.tuning.state import TaskState
from tvm_bnn.tuning.task import Task
from tvm_bnn.tuning.worker import Request

_FINALISTS, _ROUNDS = 2, 2


class Measures(Protocol):
    """The part of the tuner that is needed here."""

    runner: Runner

    def request(self, task: Task, point: Point) -> Request:
        """What the runner is asked for."""


def versions() -> dict[str, str]:
    """Versions that a record or a work dir depends on."""
    packages = {"tvm": "apache-tvm", "tvm-ffi": "apache-tvm-ffi"}
    return {"tvm-bnn": __version__} | {name: importlib.metadata.version(p) for name, p in packages.items()}


def settle(state: TaskState, measures: Measures | None) -> Record | None:
    """The record of a task; None where it has no valid trials, or none that is right each time.

    The fastest trials and the default are measured again in turn, so that a lucky first measurement does not decide;
    without ``measures`` (an interrupted run) the trials stand as they are.
    """
    default = state.task.row.space.default(state.task.setting).key
    finalists = {Point.from_dict(t.point).key: t for t in _finalists(state, default)}
    if not finalists:
        return None
    points = {key: Point.from_dict(trial.point) for key, trial in finalists.items()}
    seconds = {key: list(trial.run_secs or []) for key, trial in finalists.items()}
    if measures is not None:
        again = _again(state, measures, points)
        for key in again.wrong:
            _disprove(finalists[key], again.wrong[key])
        if len(again.wrong) == len(finalists):
            return settle(state, measures)
        seconds = again.seconds or {key: seconds[key] for key in seconds if key not in again.wrong}
    winner = min(seconds, key=lambda key: float(np.median(seconds[key])))
    line = _line(state, points[winner], np.array(seconds[winner]) * 1e3)
    if default in seconds:
        line = line.model_copy(update={"default_ms": float(np.median(seconds[default]) * 1e3)})
    return parse_record(line.model_dump_json())


def _finalists(state: TaskState, default: str) -> list[Trial]:
    valid = state.valid
    return valid[:_FINALISTS] + [t for t in valid[_FINALISTS:] if Point.from_dict(t.point).key == default]


@dataclass
class _Again:
    """What came of measuring again, by the key of the point: times, or what was wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


def _again(state: TaskState, measures: Measures, points: dict[str, Point]) -> _Again:
    again = _Again()
    for _ in range(_ROUNDS):
        for key, point in points.items():
            result = measures.runner.run(replace(measures.request(state.task, point), repeat=10))
            if result.get("failure") == "wrong":
                again.wrong[key] = result["message"]
            elif "run_secs" in result:
                again.seconds[key] = again.seconds.get(key, []) + result["run_secs"]
    again.seconds = {key: times for key, times in again.seconds.items() if key not in again.wrong}
    return again


def _disprove(trial: Trial, message: str) -> None:
    """A kernel that was right once and then wrong is wrong: its times no longer count in this run."""
    trial.run_secs, trial.failure, trial.message = None, "wrong", message


def _line(state: TaskState, point: Point, milliseconds: np.ndarray) -> RecordLine:
    task = state.task
    low, median, high = (float(value) for value in np.percentile(milliseconds, [5, 50, 95]))
    return RecordLine(
        target=task.setting.target.name,
        evidence="measured",
        operator=task.operator.to_dict(),
        lowering=task.row.lowering.name,
        space=task.row.space.name,
        space_version=task.row.space.version,
        point=point.to_dict(),
        threads=task.setting.threads,
        median_ms=median,
        p5_ms=low,
        p95_ms=high,
        runs=len(milliseconds),
        trials=len(state.trials),
        machine=cpu_model(),
        versions=versions(),
    )
