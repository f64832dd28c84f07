"""What was measured on a GPU, as JSON and as Markdown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tvm_bnn.files import write_atomic


@dataclass(frozen=True)
class Compared:
    """One thing, here and in torch.

    Attributes:
        name: of a layer, an attention or a network.
        ours_ms: by lowering, or of the whole.
        torch_ms: of torch in bfloat16; None without a torch for GPUs.
    """

    name: str
    ours_ms: dict[str, float]
    torch_ms: float | None

    @property
    def best(self) -> tuple[str, float]:
        """The fastest lowering, and its time."""
        return min(self.ours_ms.items(), key=lambda item: item[1])

    @property
    def ratio(self) -> float | None:
        """How many times faster than torch."""
        return None if self.torch_ms is None else self.torch_ms / self.best[1]


@dataclass(frozen=True)
class Findings:
    """All of one run.

    Attributes:
        target: its name.
        device: name, architecture, multiprocessors, clocks after the run, versions.
        checked: results of every lowering against the reference: `ok`, or what is wrong, by operator and lowering.
        sanitizer: what compute-sanitizer said; None where it is not there.
        peaks: 1e12 operations a second, by instruction.
        compared: with torch.
    """

    target: str
    device: dict[str, Any]
    checked: dict[str, str]
    sanitizer: str | None = None
    peaks: dict[str, float] = field(default_factory=dict)
    compared: list[Compared] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """What does not compute what the reference does."""
        return [f"{name}: {told}" for name, told in self.checked.items() if told != "ok"]


def write(found: Findings, folder: Path) -> Path:
    """Both files in a folder; the one for people."""
    stem = folder / f"gpu-{found.target}"
    write_atomic(stem.with_suffix(".json"), json.dumps({"schema_version": 1, **asdict(found)}, indent=1) + "\n")
    write_atomic(stem.with_suffix(".md"), markdown(found))
    return stem.with_suffix(".md")


def markdown(found: Findings) -> str:
    """The tables."""
    device = ", ".join(f"{key}: {value}" for key, value in found.device.items())
    right = len(found.checked) - len(found.wrong)
    lines = [
        f"# {found.target}",
        "",
        device,
        "",
        f"Kernels equal to the reference: {right} of {len(found.checked)}. "
        f"compute-sanitizer: {found.sanitizer or 'not there'}.",
        *(f"- {line}" for line in found.wrong),
        "",
        "| instruction | TOPS |",
        "|---|---:|",
        *(f"| {name} | {peak:.0f} |" for name, peak in found.peaks.items()),
        "",
        "| | fastest | ms | torch bfloat16 ms | times faster |",
        "|---|---|---:|---:|---:|",
        *(_row(one) for one in found.compared),
    ]
    return "\n".join(lines) + "\n"


def _row(one: Compared) -> str:
    name, milliseconds = one.best
    torch_ms = "-" if one.torch_ms is None else f"{one.torch_ms:.4f}"
    ratio = "-" if one.ratio is None else f"{one.ratio:.1f}"
    return f"| {one.name} | {name} | {milliseconds:.4f} | {torch_ms} | {ratio} |"
