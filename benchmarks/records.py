"""``python -m benchmarks.records [--targets NAMES] [--widths SML] [--threads N] [--trials N]``: the records that ship.

Tunes every operator of every preset at its native size, and the single layers of the benchmarks: measured for the CPU
classes that this machine can run, estimated for boards. Writes ``schedules/<target>/<evidence>.jsonl``; work dirs under
``build/records`` keep every trial, so the same command again goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.layers import LAYERS
from tvm_bnn.files import write_atomic
from tvm_bnn.models.load import load as load_model
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.ops import Operator
from tvm_bnn.resources import data_root
from tvm_bnn.targets import Target, cpu_flags, load, missing_features
from tvm_bnn.tuning import events
from tvm_bnn.tuning.records import load_book, read_records, update_records
from tvm_bnn.tuning.runners import Wanted, opened
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.task import extract_tasks
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import open_workdir

TARGETS = ("x86-avx512", "x86-avx2", "rpi4", "rpi3", "rpi5")
"""Targets whose records ship."""

WIDTHS = ("S", "M", "L")

_TIMEOUT = 120.0


def main() -> None:
    """Tune and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.records", description=__doc__)
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--widths", default="".join(WIDTHS))
    parser.add_argument("--models", default=",".join(PRESETS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--trials", type=int, default=10, help="for every operator")
    arguments = parser.parse_args()
    operators = [*preset_operators(arguments.models.split(","), arguments.widths), *LAYERS.items()]
    for target in map(load, arguments.targets.split(",")):
        missing = missing_features(target, cpu_flags())
        if missing and target.core is None:
            sys.stderr.write(f"{target.name}: not run on this machine, which lacks {', '.join(missing)}\n")
        else:
            tune_all(target, operators, arguments.threads, arguments.trials)


def preset_operators(models: Sequence[str], widths: Sequence[str]) -> Iterator[tuple[str, Operator]]:
    """(place, operator) of the presets at their native sizes."""
    for name in models:
        for width in widths:
            model = load_model(name, width=width)
            for place, operator in model.network.operators_at((1, *model.input_size, 3)):
                yield f"{name} {width} {place}", operator


def tune_all(target: Target, operators: Sequence[tuple[str, Operator]], threads: int, trials: int) -> None:
    """Tune all operators together, and keep the winners with the project."""
    tasks = extract_tasks(operators, target, threads)
    path = Path("build/records") / f"{target.name}-{threads}"
    book, _ = load_book(target, [])
    with (
        open_workdir(path, target, versions(), fresh=False) as work,
        opened(Wanted(timeout=_TIMEOUT), target, work.path / "worker.log", _say) as runner,
    ):
        for event in Tuner(tasks, work, runner, Settings(trials * len(tasks)), book).run():
            _tell(target, event)
        file = f"{runner.evidence}.jsonl"
    records, _ = read_records(path / "records" / file)
    shipped = data_root("schedules") / target.name / file
    if not shipped.exists():
        write_atomic(shipped, "")
    update_records(shipped, records)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _tell(target: Target, event: events.Event) -> None:
    if isinstance(event, events.TrialDone) and event.done % 50 == 0:
        sys.stderr.write(f"{target.name}: {event.done} of {event.total} trials, {event.eta:.0f} s left\n")
    if isinstance(event, events.Finished):
        sys.stderr.write(f"{target.name}: {len(event.records)} records\n")


if __name__ == "__main__":
    main()
