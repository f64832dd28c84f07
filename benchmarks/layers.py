"""Single binary layers: default against tuned, one thread against two.

Every figure is the median of runs in a measuring process; the points that are compared are measured in turn within
one.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.targets import Target
from tvm_bnn.tuning import events
from tvm_bnn.tuning.records import Record
from tvm_bnn.tuning.runner import LocalRunner
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.task import extract_tasks
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import open_workdir

_TIMEOUT = 60.0

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
    "1x1 64x128x256": dataclasses.replace(layer(64, 128, 256), kernel=(1, 1), padding=(0, 0)),
    "stride 2 64x128x128-256": dataclasses.replace(layer(64, 128, 128), out_channels=256, stride=(2, 2)),
    "dilation 2 64x128x128": dataclasses.replace(layer(64, 128, 128), dilation=(2, 2), padding=(2, 2)),
    "groups 4 64x128x256": dataclasses.replace(layer(64, 128, 256), groups=4),
}
"""The 3x3 layers that other engines publish, the maps of the preset kitti-road, and the other kinds of window."""


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
    lowering: str
    point: dict[str, Any]


@dataclass(frozen=True)
class Tuned:
    """The record of a layer, and how it came about."""

    record: Record
    trials: int
    valid: int
    trials_per_second: float


def measure_layer(name: str, conv: Conv2d, target: Target, threads: int, trials: int) -> Measured:
    """Tune one layer; the tuner measures its best points and the default in turn at the end."""
    with tempfile.TemporaryDirectory() as folder:
        tuned = tune_layer(conv, target, threads, trials, Path(folder))
    line = tuned.record.line
    assert line.default_ms is not None
    giga = 2 * conv.cost().binary_macs / 1e9
    return Measured(
        name=name,
        threads=threads,
        default_ms=line.default_ms,
        tuned_ms=line.median_ms,
        tuned_p5_ms=line.p5_ms,
        tuned_p95_ms=line.p95_ms,
        default_tops=giga / line.default_ms,
        tuned_tops=giga / line.median_ms,
        trials=tuned.trials,
        valid=tuned.valid,
        trials_per_second=tuned.trials_per_second,
        lowering=line.lowering,
        point=line.point,
    )


def tune_layer(conv: Conv2d, target: Target, threads: int, trials: int, folder: Path) -> Tuned:
    """Tune one layer in a work dir."""
    with tuner_of([conv], target, threads, trials, folder) as tuner:
        return _tuned(tuner)


@contextmanager
def tuner_of(convs: Iterable[Conv2d], target: Target, threads: int, trials: int, folder: Path) -> Iterator[Tuner]:
    """A tuner of several layers in a work dir, with a measuring process for as long as it is used."""
    tasks = extract_tasks([("layer", conv) for conv in convs], target, threads)
    with open_workdir(folder, target, versions(), fresh=False) as work:
        runner = LocalRunner(_TIMEOUT, work.path / "worker.log")
        try:
            yield Tuner(tasks, work, runner, Settings(trials))
        finally:
            runner.close()


def _tuned(tuner: Tuner) -> Tuned:
    began, tried, seconds = time.monotonic(), 0, 0.0
    records: tuple[Record, ...] = ()
    for event in tuner.run():
        if isinstance(event, events.Preflight):
            # The start of the measuring process is paid once, not by trial.
            began = time.monotonic()
        if isinstance(event, events.TrialDone):
            tried, seconds = event.done, time.monotonic() - began
        if isinstance(event, events.Finished):
            records = event.records
    (state,), (record,) = tuner.states, records
    return Tuned(record, len(state.trials), len(state.valid), tried / seconds if seconds else 0.0)
