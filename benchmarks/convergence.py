"""``python -m benchmarks.convergence [--layers GLOB] [--seeds N]``: how many trials a task needs.

Each layer is tuned with many trials from an empty work dir, once with each seed. What was the best after 1, 2, ...
trials follows from the order in which the tuner tried them; how good it truly was is measured afterwards, all such
points in turn. To be run on an idle machine; writes Markdown, JSON and a picture into ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.convergence_curve import GOAL, WITHIN, Curve, improvements, incumbent, markdown
from benchmarks.layers import LAYERS, with_stream
from tvm_bnn.files import write_atomic
from tvm_bnn.ops import Conv2d
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import Target, cpu_model, resolve_host
from tvm_bnn.tuning import events
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.runner import LocalRunner, Runner, run_one
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.task import extract_tasks
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import WorkDir

RESULTS = Path(__file__).parent / "results"
_TIMEOUT = 60.0
_ROUNDS = 8

REPRESENTATIVE = {
    "56x56x64": LAYERS["56x56x64"],
    "14x14x256": LAYERS["14x14x256"],
    "128x256x64": LAYERS["128x256x64"],
    "KITTI 12x39x512": LAYERS["KITTI 12x39x512"],
    "64x128x128 with stream": with_stream(LAYERS["64x128x128"]),
}
"""Large maps with few channels, small ones with many, and a layer with the epilogue of a residual block."""


def main() -> None:
    """Measure what is asked for and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence", description=__doc__)
    parser.add_argument("--layers", default="*", metavar="GLOB")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many")
    parser.add_argument("--trials", type=int, default=500, metavar="N", help="of each run")
    arguments = parser.parse_args()
    target = resolve_host()
    chosen = [name for name in REPRESENTATIVE if fnmatchcase(name, arguments.layers)]
    if not chosen:
        parser.error(f"--layers: expected a pattern of {', '.join(REPRESENTATIVE)}, got '{arguments.layers}'")
    runs = product(chosen, range(arguments.seeds))
    write_results([_run(name, target, seed, arguments.trials) for name, seed in runs], target)


def _run(name: str, target: Target, seed: int, trials: int) -> Curve:
    with tempfile.TemporaryDirectory() as folder:
        runner = LocalRunner(_TIMEOUT, Path(folder) / "worker.log")
        try:
            curve = measure(name, REPRESENTATIVE[name], target, seed, trials, Path(folder), runner)
        finally:
            runner.close()
    sys.stderr.write(f"{name}, seed {seed}: {curve.share(WITHIN):.1%} after {WITHIN} of {curve.trials} trials\n")
    return curve


def measure(name: str, conv: Conv2d, target: Target, seed: int, trials: int, folder: Path, runner: Runner) -> Curve:
    """Tune one layer in an empty folder, then measure again, in turn, whatever was the best at some time."""
    (task,) = extract_tasks([(name, conv)], target, 1)
    tuner = Tuner([task], WorkDir(folder), runner, Settings(trials, seed))
    began = time.monotonic()
    tried = [event.trial for event in tuner.run() if isinstance(event, events.TrialDone)]
    seconds = time.monotonic() - began
    steps = improvements(tried)
    times = _in_turn(tuner, [tried[step - 1] for step in steps])
    held = tuple(incumbent(step, tried[step - 1], each) for step, each in zip(steps, times, strict=True))
    return Curve(name, seed, len(tried), sum(trial.run_secs is not None for trial in tried), seconds, held)


def _in_turn(tuner: Tuner, trials: Sequence[Trial]) -> list[list[float]]:
    arms = {arm.lowering: arm for arm in tuner.states[0].task.arms}
    seconds: list[list[float]] = [[] for _ in trials]
    for _ in range(_ROUNDS):
        for times, trial in zip(seconds, trials, strict=True):
            request = tuner.request(arms[trial.lowering], Point.from_dict(trial.point))
            times += run_one(tuner.runner, request)["run_secs"]
    return seconds


def write_results(curves: Sequence[Curve], target: Target, folder: Path = RESULTS) -> None:
    """``convergence-<target>`` as Markdown, JSON and PNG."""
    document = {
        "schema_version": 1,
        "machine": cpu_model(),
        "target": target.name,
        "threads": 1,
        "versions": versions(),
        "evidence": "measured",
        "goal": {"share": GOAL, "trials": WITHIN},
        "curves": [
            dataclasses.asdict(curve) | {"needed": curve.needed(), "share": curve.share(WITHIN)} for curve in curves
        ],
    }
    stem = f"convergence-{target.name}"
    write_atomic(folder / f"{stem}.json", json.dumps(document, indent=1) + "\n")
    write_atomic(folder / f"{stem}.md", markdown(curves, cpu_model(), target.name))
    write_atomic(folder / f"{stem}.png", _picture(curves))


def _picture(curves: Sequence[Curve]) -> bytes:
    """Share of the best speed over the number of trials."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    colours = {layer: f"C{number}" for number, layer in enumerate(dict.fromkeys(curve.layer for curve in curves))}
    for curve in curves:
        numbers = range(1, curve.trials + 1)
        label = curve.layer if curve.seed == 0 else None
        shares = [curve.share(number) for number in numbers]
        axes.step(numbers, shares, where="post", color=colours[curve.layer], alpha=0.8, label=label)
    axes.axhline(GOAL, color="grey", linewidth=0.8, linestyle="--")
    axes.axvline(WITHIN, color="grey", linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.set_xlabel("trials")
    axes.set_ylabel("speed of the best so far / of the best of all")
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
