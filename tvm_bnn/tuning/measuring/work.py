"""The work on one folder: every candidate once, then the fastest of each layer again."""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .bench import Bench
from .entries import RESULTS, Entries, opened
from .machine import cpu_state, gpu_state, machine, unfit
from .unusable import Unusable

BATCH, CANDIDATES = "batch.json", "candidates.jsonl"

_SLOW, _CLOSE = 1.5, 1.1
"""So many times slower than the best of its layer, a candidate is not measured to the end; so close, it is again."""

_ROUNDS, _REPEATS = 4, 5
"""Finalists are measured so often in turn, and so many times each turn."""


class Round(NamedTuple):
    """What one run of this script works with."""

    bench: Bench
    entries: Entries
    machine: dict[str, Any]

    @property
    def key(self) -> str:
        """By which results name the machine."""
        return hashlib.sha256(json.dumps(self.machine, sort_keys=True).encode()).hexdigest()[:12]

    def state(self) -> dict[str, Any]:
        """Clocks now."""
        return gpu_state(self.bench.device) if self.bench.kind == "cuda" else cpu_state()

    def keep(
        self, candidate: Mapping[str, Any], repeat: int, limit: float | None, marks: dict[str, bool]
    ) -> dict[str, Any]:
        """Measure a candidate and write down what came of it."""
        before = self.state()
        found = self.bench.result(candidate, repeat, limit)
        told = {"number": candidate["number"], "machine": self.key, "before": before, "after": self.state()}
        self.entries.add({**told, **marks, **found})
        return found


def measure_all(work: Round, candidates: list[dict[str, Any]]) -> None:
    """Every candidate that has no result yet."""
    left = [candidate for candidate in candidates if candidate["number"] not in work.entries.first]
    if len(left) < len(candidates):
        _say(f"{len(candidates) - len(left)} of {len(candidates)} have results already")
    for candidate in left:
        rivals = [other for other in candidates if other["task"] == candidate["task"]]
        best = work.entries.best(rivals)
        found = work.keep(candidate, candidate["repeat"], None if best is None else _SLOW * best, {})
        _say(f"[{len(work.entries.first)}/{len(candidates)}] {candidate['label']}: {_outcome(found)}")


def measure_finalists(work: Round, candidates: list[dict[str, Any]]) -> None:
    """The fastest of each layer again, in turn, so that a lucky first measurement does not decide."""
    for task in sorted({candidate["task"] for candidate in candidates}):
        chosen = finalists([candidate for candidate in candidates if candidate["task"] == task], work.entries)
        if len(chosen) < 2 or all(_rounds(work.entries, candidate) >= _ROUNDS for candidate in chosen):
            continue
        _say(f"measuring {len(chosen)} finalists again: {chosen[0]['label']}")
        for number in range(_ROUNDS):
            for candidate in chosen:
                if _rounds(work.entries, candidate) <= number:
                    work.keep(candidate, _REPEATS, None, {"again": True})


def finalists(candidates: list[dict[str, Any]], entries: Entries) -> list[dict[str, Any]]:
    """The two fastest, the best of every lowering that comes near, the default; fastest first."""
    timed = [(entries.median(candidate["number"]), candidate) for candidate in candidates]
    ranked = sorted(((seconds, c["number"], c) for seconds, c in timed if seconds is not None), key=lambda e: e[:2])
    best = {c["lowering"]: c for seconds, _, c in reversed(ranked) if seconds <= _CLOSE * ranked[0][0]}
    default = [c for _, _, c in ranked if c["default"]]
    chosen = [*(c for _, _, c in ranked[:2]), *best.values(), *default]
    return list({candidate["number"]: candidate for candidate in chosen}.values())


def _rounds(entries: Entries, candidate: Mapping[str, Any]) -> int:
    """How often a finalist was measured again; one that has failed is through with it."""
    lines = entries.again.get(candidate["number"], [])
    return _ROUNDS if any("failure" in line for line in lines) else len(lines)


def _outcome(found: Mapping[str, Any]) -> str:
    if "failure" in found:
        return f"{found['failure']}: {found['message']}"
    return f"{statistics.median(found['run_secs']) * 1e3:.4f} ms"


def _say(line: str) -> None:
    # Measuring goes on when nobody reads any more.
    with suppress(BrokenPipeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        batch = json.loads((folder / BATCH).read_text(encoding="utf-8"))
        lines = (folder / CANDIDATES).read_text(encoding="utf-8").splitlines()
        return batch, [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise Unusable(
            f"expected {BATCH} and {CANDIDATES} in '{folder}', got: {error}", "copy the whole folder as it was exported"
        ) from error


def run(folder: Path, device: int, timeout: float | None) -> None:
    """Measure what has no result yet.

    Args:
        folder: that was exported.
        device: number of the GPU.
        timeout: seconds that one candidate may take; None takes what the folder says.

    Raises:
        Unusable: the wrong machine, a folder that is not whole, or no TVM.
    """
    batch, candidates = _read(folder)
    needs = batch["needs"]
    bench = Bench(folder, needs["device"], device, batch["timeout"] if timeout is None else timeout)
    with opened(folder / RESULTS) as file:
        try:
            work = Round(bench, Entries(file, batch["id"]), _identified(bench, needs))
            facts = work.machine
            work.entries.add({"machine": work.key, "facts": facts})
            name = facts["gpu"]["name"] if facts["gpu"] else facts["model"]
            _say(f"{batch['model']} for {batch['target']} on {name}, {len(candidates)} candidates")
            measure_all(work, candidates)
            measure_finalists(work, candidates)
        finally:
            bench.end()
    _summarise(work.entries, batch, folder)


def _identified(bench: Bench, needs: Mapping[str, Any]) -> dict[str, Any]:
    """What this machine is.

    Raises:
        Unusable: it is another one than the candidates were built for.
    """
    found = {**machine(), **bench.start()}
    reason = unfit(found, needs)
    if reason:
        raise Unusable(reason, "run it on a machine of that target, with those versions")
    return found


def _summarise(entries: Entries, batch: Mapping[str, Any], folder: Path) -> None:
    failed = sum("failure" in entry for entry in entries.first.values())
    command = f"tvm-bnn tune {batch['model'].split()[0]} --target {batch['target']} --runner offline --import"
    _say(f"{len(entries.first) - failed} measured, {failed} failed; bring this folder back: {command} {folder.name}")


def main(folder: Path, arguments: list[str] | None = None) -> int:
    """Measure; the exit code: 0, 2 for the wrong machine or folder, 4 without TVM, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="measure.py", description="Check and time the candidates beside this file.")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds that one candidate may take")
    parser.add_argument("--device", type=int, default=0, metavar="N", help="number of the GPU, by default 0")
    wanted = parser.parse_args(arguments)
    if wanted.device < 0 or (wanted.timeout is not None and not wanted.timeout > 0):
        parser.error("expected 0 or more for --device, and more than 0 for --timeout")
    try:
        run(folder, wanted.device, wanted.timeout)
    except Unusable as error:
        sys.stderr.write(f"measure.py: error: {error}\nhint: {error.hint}\n")
        return error.code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; run it again, it goes on where it stopped\n")
        return 130
    return 0
