"""Single binary layers: default against tuned, one thread against two.

Every figure is the median of runs in a measuring process; the points that are compared are measured in turn within
one.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import Target
from tvm_bnn.tuning import events
from tvm_bnn.tuning.runner import LocalRunner
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.task import Task, extract_tasks
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import open_workdir

_TIMEOUT = 60.0
_ROUNDS = 5

SIGNS = Epilogue(outputs=("signs",))


def square(size: int, channels: int) -> Conv2d:
    """A 3x3 layer with as many channels out as in, packed signs to packed signs."""
    return layer(size, size, channels)


def layer(height: int, width: int, channels: int) -> Conv2d:
    """The same on a map that is not square."""
    return Conv2d(1, height, width, channels, channels, epilogue=SIGNS)


def with_stream(conv: Conv2d) -> Conv2d:
    """The layer as a residual block runs it: int16 stream read and written, RPReLU, packed signs."""
    epilogue = Epilogue(shortcut_channels=conv.out_channels, rprelu=True, outputs=("stream", "signs"))
    return dataclasses.replace(conv, epilogue=epilogue)


LAYERS: dict[str, Conv2d] = {
    "56x56x64": square(56, 64),
    "28x28x128": square(28, 128),
    "14x14x256": square(14, 256),
    "7x7x512": square(7, 512),
    "128x256x64": layer(128, 256, 64),
    "64x128x128": layer(64, 128, 128),
    "32x64x256": layer(32, 64, 256),
    "KITTI 96x312x64": layer(96, 312, 64),
    "KITTI 48x156x128": layer(48, 156, 128),
    "KITTI 24x78x256": layer(24, 78, 256),
    "KITTI 12x39x512": layer(12, 39, 512),
}
"""The 3x3 layers that other engines publish, and the maps of the preset kitti-road."""


@dataclass(frozen=True)
class Measured:
    """One layer at one number of threads; times in milliseconds, speeds in 1e12 operations a second (2 MAC)."""

    name: str
    threads: int
    default_ms: float
    tuned_ms: float
    tuned_p5_ms: float
    tuned_p95_ms: float
    default_tops: float
    tuned_tops: float
    trials: int
    valid: int
    trials_per_second: float
    point: dict[str, Any]


def measure_layer(name: str, conv: Conv2d, target: Target, threads: int, trials: int) -> Measured:
    """Tune one layer, then measure its best point and the default in turn."""
    (task,) = extract_tasks([(name, conv)], target, threads)
    with tempfile.TemporaryDirectory() as folder, open_workdir(Path(folder), target, versions(), fresh=False) as work:
        runner = LocalRunner(_TIMEOUT, work.path / "worker.log")
        try:
            tuner = Tuner([task], work, runner, Settings(trials))
            tried, seconds, best = _tune(tuner)
            default = task.row.space.default(task.setting)
            times = _in_turn(runner, tuner, task, [default, best])
        finally:
            runner.close()
    return _summary(name, task, tuner, (times[0], times[1]), tried / seconds, best)


def _tune(tuner: Tuner) -> tuple[int, float, Point]:
    """Trials, the seconds they took, the best point."""
    began, tried, seconds = time.monotonic(), 0, 0.0
    best = Point()
    for event in tuner.run():
        if isinstance(event, events.Preflight):
            # The start of the measuring process is paid once, not by trial.
            began = time.monotonic()
        if isinstance(event, events.TrialDone):
            tried, seconds = event.done, time.monotonic() - began
        if isinstance(event, events.Finished):
            best = event.records[0].point
    return tried, seconds, best


def _in_turn(runner: LocalRunner, tuner: Tuner, task: Task, points: Sequence[Point]) -> list[np.ndarray]:
    seconds: list[list[float]] = [[] for _ in points]
    for _ in range(_ROUNDS):
        for times, point in zip(seconds, points, strict=True):
            request = dataclasses.replace(tuner.request(task, point), repeat=10)
            times += runner.run(request).get("run_secs", [])
    return [np.array(times) * 1e3 for times in seconds]


def _summary(
    name: str, task: Task, tuner: Tuner, times: tuple[np.ndarray, np.ndarray], rate: float, best: Point
) -> Measured:
    state = tuner.states[0]
    default, tuned = (float(np.median(t)) for t in times)
    giga = 2 * task.operator.cost().binary_macs / 1e9
    low, high = (float(v) for v in np.percentile(times[1], [5, 95]))
    return Measured(
        name=name,
        threads=task.setting.threads,
        default_ms=default,
        tuned_ms=tuned,
        tuned_p5_ms=low,
        tuned_p95_ms=high,
        default_tops=giga / default,
        tuned_tops=giga / tuned,
        trials=len(state.trials),
        valid=len(state.valid),
        trials_per_second=rate,
        point=best.to_dict(),
    )
