"""From trials to a record: the finalists of a task are measured again, in turn, and the fastest is kept."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
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


def settle(state: TaskState, measures: Measures | None, seed: int) -> Record:
    """The record of a task that has valid trials.

    The fastest trials and the default are measured again in turn, so that a lucky first measurement does not decide;
    without ``measures`` (an interrupted run) the trials stand as they are.
    """
    default = state.task.row.space.default(state.task.setting).key
    seconds = {Point.from_dict(t.point).key: list(t.run_secs or []) for t in _finalists(state, default)}
    points = {Point.from_dict(t.point).key: Point.from_dict(t.point) for t in _finalists(state, default)}
    if measures is not None:
        seconds = _again(state, measures, points) or seconds
    winner = min(seconds, key=lambda key: float(np.median(seconds[key])))
    line = _line(state, points[winner], np.array(seconds[winner]) * 1e3)
    if default in seconds:
        line = line.model_copy(update={"default_ms": float(np.median(seconds[default]) * 1e3)})
    return parse_record(line.model_dump_json())


def _finalists(state: TaskState, default: str) -> list[Trial]:
    valid = state.valid
    return valid[:_FINALISTS] + [t for t in valid[_FINALISTS:] if Point.from_dict(t.point).key == default]


def _again(state: TaskState, measures: Measures, points: dict[str, Point]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {}
    for _ in range(_ROUNDS):
        for key, point in points.items():
            result = measures.runner.run(replace(measures.request(state.task, point), repeat=10))
            seconds[key] = seconds.get(key, []) + result.get("run_secs", [])
    return {key: times for key, times in seconds.items() if times}


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
