"""The table of the ablation: mean and spread over the seeds, Markdown and JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tvm_bnn.data.scenes import CUE_CLASSES
from tvm_bnn.files import write_atomic
from tvm_bnn.targets import cpu_model

RESULTS = Path(__file__).parent / "results"

Metrics = Mapping[str, Any]


def _without_cues(metrics: Metrics) -> float:
    """Mean IoU over the other classes that occur."""
    others = [iou for name, iou in metrics["iou"].items() if name not in CUE_CLASSES]
    return statistics.fmean(iou for iou in others if iou is not None)


COLUMNS: dict[str, Callable[[Metrics], float]] = {
    "mIoU": lambda m: m["miou"],
    "mIoU without cue classes": _without_cues,
    "lane marking": lambda m: m["iou"]["lane marking"],
    "pole": lambda m: m["iou"]["pole"],
    "cue classes": lambda m: m["cue_iou"],
    "cue right, small": lambda m: m["cue_accuracy_by_size"]["small"],
    "medium": lambda m: m["cue_accuracy_by_size"]["medium"],
    "large": lambda m: m["cue_accuracy_by_size"]["large"],
}
"""What is shown, by its title."""


def write_results(results: Mapping[str, Sequence[Metrics]], settings: Mapping[str, Any]) -> None:
    """Write ``ablation.json`` with every number and ``ablation.md`` with the table.

    Args:
        results: by design, one entry a seed.
        settings: of all runs: steps, batch, size (H, W), width, training_pictures and test_pictures.
    """
    document = {"schema_version": 1, "machine": cpu_model(), "settings": dict(settings), "results": dict(results)}
    write_atomic(RESULTS / "ablation.json", json.dumps(document, indent=1) + "\n")
    write_atomic(RESULTS / "ablation.md", _markdown(results, settings))


def _markdown(results: Mapping[str, Sequence[Metrics]], settings: Mapping[str, Any]) -> str:
    size = "x".join(map(str, settings["size"]))
    seeds = len(next(iter(results.values())))
    lines = [
        f"{seeds} seeds, {settings['steps']} steps of {settings['batch']} pictures of {size}, "
        f"width {settings['width']}, {settings['training_pictures']} generated scenes to learn from and "
        f"{settings['test_pictures']} others to measure on. IoU and shares in per cent: mean ± standard deviation over "
        "the seeds. Cue right: share of the pixels of the two cue classes labelled right, by the size of the cue; 50 "
        "is guessing between the two.",
        "",
        "| " + " | ".join(["design", *COLUMNS]) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for design, seeds_of in results.items():
        cells = [_cell([100 * column(metrics) for metrics in seeds_of]) for column in COLUMNS.values()]
        lines.append("| " + " | ".join([design, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float]) -> str:
    mean = statistics.fmean(values)
    return f"{mean:.1f} ± {statistics.stdev(values):.1f}" if len(values) > 1 else f"{mean:.1f}"
