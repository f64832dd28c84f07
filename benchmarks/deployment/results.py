"""The results of a measurement, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tvm_bnn.deploy.manifest import Manifest
from tvm_bnn.files import write_atomic

MOST_COLD_SECONDS = 1.0
MOST_OVERHEAD = 0.02
MOST_PADDING = 0.05
MOST_CODE = 2_000_000
_MEGA = 1e6


@dataclass(frozen=True)
class Start:
    """A process from its start.

    Attributes:
        first_seconds: until the first label map is there.
        whole_seconds: until the process has ended.
        stages: what it tells of itself.
    """

    first_seconds: float
    whole_seconds: float
    stages: dict[str, float]


@dataclass(frozen=True)
class Overhead:
    """What a caller adds to a network.

    Attributes:
        caller: the language that calls.
        threads: that the network uses.
        network_ms: median of the network alone.
        added_ms: median of the differences of calls that followed each other.
    """

    caller: str
    threads: int
    network_ms: float
    added_ms: float

    @classmethod
    def of(cls, caller: str, threads: int, network: Sequence[float], called: Sequence[float]) -> Overhead:
        """That of pairs of times in milliseconds."""
        added = float(np.median(np.subtract(called, network)))
        return cls(caller, threads, float(np.median(network)), added)

    @property
    def share(self) -> float:
        """Of the network's time."""
        return self.added_ms / self.network_ms


@dataclass(frozen=True)
class Deployment:
    """Everything that was measured.

    Attributes:
        starts: of a Python program that runs one picture from a file.
        command_seconds: of the whole process `tvm-bnn run BUNDLE PICTURE`.
        overheads: by caller and threads.
        growth: bytes by which a process grew over ``runs`` runs, by caller.
        runs: the same number for all callers.
        together: pictures a second by (callers at the same time, threads of each).
    """

    starts: list[Start]
    command_seconds: list[float]
    overheads: list[Overhead]
    growth: dict[str, int]
    runs: int
    together: dict[tuple[int, int], float]


def write_results(found: Deployment, manifest: Manifest, machine: str, folder: Path) -> None:
    """``deployment-<target>`` as JSON and Markdown."""
    document = {
        "schema_version": 1,
        "machine": machine,
        "target": manifest.target,
        "versions": manifest.versions,
        "evidence": "measured",
        "model": {"name": manifest.name, "width": manifest.width, "input_size": manifest.input_size},
        "sizes": manifest.sizes.model_dump(),
        "bundle_bytes": _bundle_bytes(manifest),
        **asdict(found),
        "together": [
            {"callers": callers, "threads": threads, "per_second": rate}
            for (callers, threads), rate in found.together.items()
        ],
    }
    stem = f"deployment-{manifest.target}"
    write_atomic(folder / f"{stem}.json", json.dumps(document, indent=1) + "\n")
    write_atomic(folder / f"{stem}.md", markdown(found, manifest, machine))


def markdown(found: Deployment, manifest: Manifest, machine: str) -> str:
    """Tables for people."""
    size = "x".join(map(str, manifest.input_size))
    lines = [
        f"# Deploying {manifest.name} {manifest.width}".rstrip()
        + f" at {size} on {machine} ({manifest.target}), measured",
        "",
        "Made by `python -m benchmarks.deployment`. Medians, in brackets the least and the most.",
        "",
        "| from the start of a process | seconds | wanted |",
        "|---|---|---|",
        _start_row("Python, to the first label map", [s.first_seconds for s in found.starts], MOST_COLD_SECONDS),
        *(_start_row(f"of that: {told}", _stage(found, name), None) for name, told in _STAGES.items()),
        _start_row("the same process, to its end", [s.whole_seconds for s in found.starts], None),
        _start_row("`tvm-bnn run BUNDLE PICTURE`, to its end", found.command_seconds, None),
        "",
        "| caller | threads | network ms | added ms | added | wanted |",
        "|---|---|---|---|---|---|",
        *(_overhead_row(one) for one in found.overheads),
        "",
        "| callers at the same time | threads of each | pictures a second |",
        "|---|---|---|",
        *(f"| {callers} | {threads} | {rate:.1f} |" for (callers, threads), rate in found.together.items()),
        "",
        *_facts(found, manifest),
    ]
    return "\n".join(lines) + "\n"


_STAGES = {
    "import_seconds": "imports",
    "open_seconds": "checking and loading the bundle",
    "picture_seconds": "decoding the picture and bringing it to size",
    "first_run_seconds": "the first run",
}


def _stage(found: Deployment, name: str) -> list[float]:
    return [start.stages[name] for start in found.starts]


def _start_row(what: str, seconds: Sequence[float], most: float | None) -> str:
    spread = f"{np.median(seconds):.3f} ({min(seconds):.3f}-{max(seconds):.3f})"
    return f"| {what} | {spread} | {f'at most {most:.1f}' if most else ''} |"


def _overhead_row(one: Overhead) -> str:
    wanted = f"at most {MOST_OVERHEAD:.0%}"
    return f"| {one.caller} | {one.threads} | {one.network_ms:.2f} | {one.added_ms:.3f} | {one.share:.2%} | {wanted} |"


def _facts(found: Deployment, manifest: Manifest) -> list[str]:
    sizes = manifest.sizes
    grown = ", ".join(f"{caller} by {bytes_ / 1e3:.0f} kB" for caller, bytes_ in found.growth.items())
    imports, resident = (np.median(_stage(found, name)) / _MEGA for name in ("import_bytes", "resident_bytes"))
    return [
        f"- Memory: the imports take {imports:.0f} MB, the process after its first picture {resident:.0f} MB; over "
        f"{found.runs} more runs it grows in {grown}.",
        f"- Weights: {sizes.weights:,} bytes, {sizes.weights / sizes.information - 1:.2%} more than their information "
        f"(wanted: at most {MOST_PADDING:.0%}), of which {sizes.binary:,} bytes are binary weights at 1 bit.",
        f"- Code: {sizes.code:,} bytes (wanted: at most {MOST_CODE:,}); the bundle with runtime and C interface: "
        f"{_bundle_bytes(manifest) / _MEGA:.2f} MB.",
    ]


def _bundle_bytes(manifest: Manifest) -> int:
    return sum(entry.size for entry in manifest.files.values())


def read_line(text: str) -> Any:
    """What a measured process has printed."""
    return json.loads(text.strip().splitlines()[-1])
