"""``python -m benchmarks [--trials N] [--layers GLOB]``: measure on an idle machine, write Markdown and JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.layers import LAYERS, Measured, measure_layer, with_stream
from tvm_bnn.files import write_atomic
from tvm_bnn.targets import cpu_model, logical_cores, resolve_host
from tvm_bnn.tuning.settle import versions

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure what is asked for and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--layers", default="*", metavar="GLOB")
    arguments = parser.parse_args()
    target = resolve_host()
    chosen = {name: conv for name, conv in LAYERS.items() if fnmatchcase(name, arguments.layers)}
    signs = [_told(measure_layer(n, c, target, t, arguments.trials)) for n, c in chosen.items() for t in _threads()]
    streams = [_told(measure_layer(n, with_stream(c), target, 1, arguments.trials)) for n, c in chosen.items()]
    startup = _help_seconds()
    _write(signs, streams, startup, target.name)


def _threads() -> list[int]:
    return [1, 2] if logical_cores() > 1 else [1]


def _told(measured: Measured) -> Measured:
    sys.stderr.write(f"{measured.name} threads {measured.threads}: {measured.tuned_tops:.2f} TOPS\n")
    return measured


def _help_seconds() -> list[float]:
    """Wall time of ``tvm-bnn --help`` as a process, ten times after one to warm up."""
    seconds = []
    for _ in range(11):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tvm_bnn.cli", "--help"], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def _write(signs: Sequence[Measured], streams: Sequence[Measured], startup: list[float], target: str) -> None:
    document = {
        "schema_version": 1,
        "machine": cpu_model(),
        "target": target,
        "versions": versions(),
        "evidence": "measured",
        "signs": [asdict(m) for m in signs],
        "streams": [asdict(m) for m in streams],
        "help_seconds": startup,
    }
    write_atomic(RESULTS / f"layers-{target}.json", json.dumps(document, indent=1) + "\n")
    write_atomic(RESULTS / f"layers-{target}.md", _markdown(signs, streams, startup, target))


def _markdown(signs: Sequence[Measured], streams: Sequence[Measured], startup: list[float], target: str) -> str:
    single = [m for m in signs if m.threads == 1]
    double = {m.name: m for m in signs if m.threads == 2}
    lines = [
        f"# Binary layers on {cpu_model()} ({target}), measured",
        "",
        "Made by `python -m benchmarks`. TOPS = 2 MAC / time / 1e12, one thread unless said; medians, in brackets the",
        "5th to 95th percentile; default = zero trials; x2 = time on one thread / time on two.",
        "",
        "| layer, packed signs in and out | tuned TOPS | tuned ms | default TOPS | default / tuned | x2 |",
        "|---|---|---|---|---|---|",
        *(_row(m, double.get(m.name)) for m in single),
        "",
        "| layer, with int16 stream in and out | tuned TOPS | tuned ms | default TOPS | default / tuned |",
        "|---|---|---|---|---|",
        *(_row(m, None).removesuffix(" |") + " |" for m in streams),
        "",
        *_facts([*signs, *streams], startup),
    ]
    return "\n".join(lines) + "\n"


def _row(measured: Measured, double: Measured | None) -> str:
    m = measured
    cells = [
        m.name,
        f"{m.tuned_tops:.2f}",
        f"{m.tuned_ms:.4f} ({m.tuned_p5_ms:.4f}-{m.tuned_p95_ms:.4f})",
        f"{m.default_tops:.2f}",
        f"{m.tuned_ms / m.default_ms:.0%}",
        *([f"{m.tuned_ms / double.tuned_ms:.2f}"] if double else []),
    ]
    return "| " + " | ".join(cells) + " |"


def _facts(measured: Sequence[Measured], startup: list[float]) -> list[str]:
    trials, valid = sum(m.trials for m in measured), sum(m.valid for m in measured)
    rates = [m.trials_per_second for m in measured]
    return [
        f"- Trials: {trials}, of them valid {valid / trials:.1%}; {statistics.median(rates):.1f} a second "
        f"({min(rates):.1f}-{max(rates):.1f} by layer).",
        f"- `tvm-bnn --help`: {statistics.median(startup):.2f} s ({min(startup):.2f}-{max(startup):.2f}).",
    ]


if __name__ == "__main__":
    main()
