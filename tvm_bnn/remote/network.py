"""Running a network on a board, and profiling it there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tvm_bnn.deploy.link import link
from tvm_bnn.deploy.manifest import LIBRARY, read_manifest, verify_files
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.errors import ToolchainError
from tvm_bnn.graph.choose import Placed
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.profiling.latency import Stopwatch
from tvm_bnn.profiling.model import Device, Profile, Total
from tvm_bnn.profiling.operators import operator_profiles
from tvm_bnn.remote.connection import Answer
from tvm_bnn.remote.cooling import unthrottled
from tvm_bnn.remote.execution import load_network, load_stopwatch, run_network, time_network
from tvm_bnn.remote.station import Place, Station
from tvm_bnn.remote.tracker import boards, parse_address
from tvm_bnn.targets import load
from tvm_bnn.tuning.runners import Wanted

_MILLISECONDS = 1e-6
"""In a nanosecond."""

_TRACKER_SECONDS = 10.0


@contextmanager
def remote_runner(path: Path, wanted: Wanted, threads: int | None = None) -> Iterator[Runner]:
    """A bundle whose network runs on a board; the board may be an emulated one.

    Args:
        path: of the bundle.
        wanted: tracker, key and seconds that one picture may take.
        threads: cores of the board to use; by default as many as the bundle was compiled for.

    Raises:
        UsageError: not a bundle, or a damaged one.
        ToolchainError: no board that can be used, or it is lost.
    """
    manifest = read_manifest(path)
    verify_files(path, manifest)
    used = threads or manifest.threads
    with _station(wanted, manifest.target, emulated=True) as station:
        _done(station, load_network, str(path / LIBRARY), used)

        def main(picture: Any) -> Any:
            return np.asarray(_done(station, run_network, np.from_dlpack(picture))["result"])

        yield Runner(manifest, main, used)


def profile_remote(
    model: LoadedModel,
    compiled: Compiled,
    wanted: Wanted,
    *,
    warmup: int,
    repeat: int,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
    emulated: bool = False,
) -> Profile:
    """Measure a compiled network on a board: from end to end, and call by call in passes between.

    Args:
        model: what was compiled.
        compiled: for the board.
        wanted: tracker, key and seconds that three passes may take.
        warmup: passes that do not count.
        repeat: passes that count.
        seed: of the picture.
        report: is told of pauses.
        emulated: whether an emulated board will do, whose times are no latencies.

    Raises:
        ToolchainError: no board that can be used, it is lost, or it is slowed down each time.
    """
    with _station(wanted, compiled.target.name, emulated) as station, tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / LIBRARY
        link(compiled.executable, library, compiled.target)
        _done(station, load_stopwatch, str(library), compiled.threads, compiled.input_shape, seed)
        passes = [unthrottled(lambda: _done(station, time_network), report) for _ in range(warmup + repeat)][warmup:]
        facts = station.facts
    totals = np.array([one["total"] for one in passes]) * _MILLISECONDS
    medians = np.median(_splits(compiled, [one["calls"] for one in passes]), axis=0)
    low, median, high = (float(value) for value in np.percentile(totals, [5, 50, 95]))
    return Profile(
        model=model.name,
        width=model.width,
        input_size=model.input_size,
        target=compiled.target.name,
        threads=compiled.threads,
        evidence="measured",
        device=Device(name=facts["model"], architecture=facts["machine"], logical_cores=facts["cores"]),
        total=Total(median_ms=median, p5_ms=low, p95_ms=high, runs=len(totals)),
        operators=operator_profiles(
            compiled.steps, [float(value) for value in medians], compiled.target, compiled.threads, "measured"
        ),
    )


class _Recorded(Stopwatch):
    """Splits calls that were timed elsewhere."""

    def split_calls(self, calls: Sequence[tuple[str, int]]) -> list[float]:
        """Milliseconds of each step, of the [name, nanoseconds] of all calls of a pass."""
        known = [(name, nanoseconds) for name, nanoseconds in calls if name in self._names]
        return self.split(lambda _: self._calls.extend(known), None)


def _splits(compiled: Compiled, passes: Sequence[Sequence[tuple[str, int]]]) -> list[list[float]]:
    kernels = [step.function if isinstance(step, Placed) else None for step in compiled.steps]
    recorded = _Recorded(kernels, compiled.ordinary)
    return [recorded.split_calls(calls) for calls in passes]


@contextmanager
def _station(wanted: Wanted, target: str, emulated: bool) -> Iterator[Station]:
    """A board for the duration."""
    assert wanted.tracker is not None
    tracker, key = parse_address(wanted.tracker), wanted.key_of(load(target))
    boards(tracker, key, _TRACKER_SECONDS)
    with open(os.devnull, "wb") as log:
        station = Station(Place(tracker, key, wanted.timeout, emulated), log)
        try:
            station.connect(target)
            yield station
        finally:
            station.close()


def _done(station: Station, function: Callable[..., Answer], *arguments: Any) -> Answer:
    try:
        answer = station.call(function, *arguments)
    except TimeoutError:
        late = f"{station.name}: not finished after {station.place.timeout:g} s"
        raise ToolchainError(late, "give it longer with --timeout") from None
    if "failure" in answer:
        raise ToolchainError(f"{station.name}: {answer['message']}", "compile it again, for the board's target")
    return answer
