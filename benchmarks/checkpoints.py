"""``python -m benchmarks.checkpoints``: train, score and pack the networks that ship with the package.

One network of width S for every preset, on generated scenes with its classes. Interrupted, the same command goes on.
Each is scored as it was trained, in integers and as a bundle for this machine. Only what keeps its promise is packed
into ``tvm_bnn/models/weights``: labels of the bundle that are those of the integers, and a mean IoU that freezing
changes by 0.3 points at most.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvm_bnn.data.datasets import find
from tvm_bnn.errors import TvmBnnError
from tvm_bnn.files import write_atomic
from tvm_bnn.models.checkpoint import load_checkpoint, read_checkpoint, save_packed
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.models.weights import FOLDER, shipped

WIDTH = "S"
MOST_LOST = 0.003
"""Of the mean IoU, by freezing."""

_README = f"""\
Networks of width {WIDTH}, trained on generated scenes. They have never seen a real picture: they show that the whole
chain works, and label drawn scenes sensibly; for photographs, train on photographs. Made by
`python -m benchmarks.checkpoints`.

mIoU in per cent, on {{pictures}} other scenes: as trained, in integers, and as a compiled bundle.

| preset | data | size | steps x pictures | seed | as trained | integers | bundle | bytes |
|---|---|---|---|--:|--:|--:|--:|--:|
"""


@dataclass(frozen=True)
class Plan:
    """What is the same for every preset."""

    work: Path
    steps: int
    batch: int
    learning_rate: float
    seed: int
    pictures: int
    precision: str

    def folder(self, preset: str) -> Path:
        """Where a preset's run is kept."""
        return self.work / f"{preset}-{WIDTH}"


def main() -> None:
    """Train what is not done yet, score it, write the files."""
    arguments = _parse()
    presets, jobs = arguments.presets or list(PRESETS), arguments.jobs
    fields = {name: value for name, value in vars(arguments).items() if name not in ("presets", "jobs")}
    plan = Plan(**fields)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda preset: make(preset, plan), presets))
    write_readme()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpoints", description=__doc__)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"of {', '.join(PRESETS)}; by default all")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=100, help="to score on")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--jobs", type=int, default=2, help="presets at a time, one core each")
    parser.add_argument("--work", type=Path, default=Path("tvm-bnn-work/checkpoints"), metavar="DIR")
    return parser.parse_args()


def make(preset: str, plan: Plan) -> None:
    """One preset, from nothing to its file."""
    data = f"scenes-{preset}"
    trained = _trained(preset, data, plan)
    network, calibration = load_checkpoint(trained["checkpoint"])
    path = plan.folder(preset) / f"{preset}-{WIDTH}.safetensors"
    save_packed(path, network, calibration, {})
    scores = _scores(path, data, plan)
    check(preset, scores)
    size = network.config.input_size
    facts = {name: trained[name] for name in ("steps", "batch", "learning_rate", "seed", "precision")}
    noted = {"data": data, "generated": True, "size": size, **facts, "scored_on": plan.pictures, "metrics": scores}
    save_packed(shipped(preset, WIDTH), network, calibration, noted)


def _trained(preset: str, data: str, plan: Plan) -> dict[str, Any]:
    """What was said when training ended; kept, for scoring takes its time."""
    said = plan.folder(preset) / "trained.json"
    if said.exists() and (document := json.loads(said.read_text()))["steps"] == plan.steps:
        return document
    document = _run(
        *("train", preset, "--width", WIDTH, "--data", data, "-o", str(plan.folder(preset)), "--threads", "1"),
        *("--steps", str(plan.steps), "--batch", str(plan.batch), "--seed", str(plan.seed)),
        *("--learning-rate", str(plan.learning_rate), "--precision", plan.precision, "--device", "cpu"),
    )
    write_atomic(said, json.dumps(document, indent=1) + "\n")
    return document


def _scores(path: Path, data: str, plan: Plan) -> dict[str, dict[str, Any]]:
    """Metrics of the three forms of a network by their names."""
    bundle = path.with_suffix(".bundle")
    size = "x".join(map(str, find(data).usual_size))
    _run("compile", str(path), "--target", "cpu", "--input-size", size, "--threads", "1", "-o", str(bundle))
    common = ("--data", data, "--pictures", str(plan.pictures), "--threads", "1")
    forms = {"float": [str(path), "--float"], "integer": [str(path)], "bundle": [str(bundle)]}
    return {name: _run("evaluate", *form, *common)["metrics"] for name, form in forms.items()}


def check(preset: str, scores: Mapping[str, Mapping[str, Any]]) -> None:
    """See that compiling changed nothing, and freezing next to nothing.

    Raises:
        TvmBnnError: it did.
    """
    floating, integer, bundle = (scores[name]["miou"] for name in ("float", "integer", "bundle"))
    if integer != bundle or abs(floating - integer) > MOST_LOST:
        raise TvmBnnError(
            f"{preset}: expected the same mean IoU in integers and as a bundle, and within {MOST_LOST} of the one as "
            f"trained, got {integer}, {bundle} and {floating}",
            "freeze it and compare step by step",
        )


def _run(*arguments: str) -> dict[str, Any]:
    """A command of tvm-bnn; its progress goes to stderr."""
    command = [sys.executable, "-m", "tvm_bnn.cli", *arguments, "--format", "json"]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout)


def write_readme() -> None:
    """Write ``README.md`` beside the files, from what they say of themselves."""
    rows, pictures = [], 0
    for preset in PRESETS:
        path = shipped(preset, WIDTH)
        if path.exists():
            facts = read_checkpoint(path).trained_on
            pictures = facts["scored_on"]
            rows.append(_row(preset, facts, path.stat().st_size))
    write_atomic(FOLDER / "README.md", _README.format(pictures=pictures) + "".join(rows))


def _row(preset: str, facts: Mapping[str, Any], size: int) -> str:
    scores = [f"{100 * facts['metrics'][form]['miou']:.2f}" for form in ("float", "integer", "bundle")]
    seen = [f"{facts['steps']} x {facts['batch']}", facts["seed"]]
    cells = [preset, facts["data"], "x".join(map(str, facts["size"])), *seen, *scores, size]
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    main()
