"""The table of the comparison, for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.estimation.ranks import Pair, kendall, ordered, percentiles, spearman
from tvm_bnn.files import write_atomic
from tvm_bnn.targets import Target, cpu_model
from tvm_bnn.tuning.settle import versions

RESULTS = Path(__file__).parents[1] / "results"
STEPS = (1.0, 1.1, 1.3, math.inf)
"""Pairs are told apart by how far apart they are predicted."""


@dataclass(frozen=True)
class Compared:
    """One point: what was estimated and what was measured.

    Attributes:
        operator: its name.
        lowering: of the point.
        point: plain data.
        estimated_ms: at the frequency of the measurement.
        waiting_ms: the part of memory in the model, before it is overlapped.
        measured_ms: the median over the rounds.
        spread: the slowest round over the fastest.
        instructions: executed.
        unknown: instructions that the table of the core lacks.
    """

    operator: str
    lowering: str
    point: dict[str, Any]
    estimated_ms: float
    waiting_ms: float
    measured_ms: float
    spread: float
    instructions: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    """How well estimates predict.

    Attributes:
        points: how many.
        spearman: rank correlation.
        kendall: tau-b.
        spearman_of_instructions: if the number of instructions were the prediction.
        ratio: percentiles of estimated / measured.
        pairs: right and all of the pairs of one operator that are predicted so far apart, by step of ``STEPS``.
    """

    points: int
    spearman: float
    kendall: float
    spearman_of_instructions: float
    ratio: dict[int, float]
    pairs: list[tuple[int, int]]


def quality(compared: Sequence[Compared]) -> Quality:
    """Of some points; pairs of points of different operators are not counted, for no tuner chooses between them."""
    pairs = [_pair(one) for one in compared]
    by_instructions = [(float(one.instructions), one.measured_ms) for one in compared]
    groups = [[_pair(one) for one in group] for group in _groups(compared).values()]
    return Quality(
        len(compared),
        spearman(pairs),
        kendall(pairs),
        spearman(by_instructions),
        percentiles([estimated / measured for estimated, measured in pairs]),
        [ordered(groups, low, high) for low, high in pairwise(STEPS)],
    )


def _pair(one: Compared) -> Pair:
    return one.estimated_ms, one.measured_ms


def _groups(compared: Sequence[Compared]) -> dict[str, list[Compared]]:
    groups: dict[str, list[Compared]] = {}
    for one in compared:
        groups.setdefault(one.operator, []).append(one)
    return groups


def write_results(compared: Sequence[Compared], target: Target, seed: int, folder: Path = RESULTS) -> None:
    """``estimation-<target>`` as Markdown and JSON; ``seed`` is that of the points."""
    qualities = {name: quality(group) for name, group in _groups(compared).items()}
    document = {
        "schema_version": 1,
        "machine": cpu_model(),
        "target": target.name,
        "core": target.core,
        "seed": seed,
        "clock_ghz": target.peak("clock_ghz"),
        "versions": versions(),
        "all": asdict(quality(compared)),
        "operators": {name: asdict(found) for name, found in qualities.items()},
        "points": [asdict(one) for one in compared],
    }
    write_atomic(folder / f"estimation-{target.name}.json", json.dumps(document, indent=1) + "\n")
    write_atomic(folder / f"estimation-{target.name}.md", markdown(compared, target, seed))


def markdown(compared: Sequence[Compared], target: Target, seed: int) -> str:
    """A table for people."""
    groups = _groups(compared)
    lines = [
        f"# Static estimates against the clock on {cpu_model()} ({target.name}, table {target.core})",
        "",
        f"Made by `python -m benchmarks.estimation --seed {seed}`: the method that estimates latencies of boards that",
        "are not at hand, on a machine where they can be measured. Points of the portable lowerings, defaults and",
        "random ones, built for x86-64-v2; emulated, priced, and timed on one thread in turn. Nothing was fitted;",
        f"measured cycles are seconds times the frequency right before and after ({target.peak('clock_ghz'):.2f} GHz",
        "in the median).",
        "",
        "| operator | points | measured ms | Spearman | by instructions alone | Kendall "
        "| estimated / measured: 5, 25, 50, 75, 95 % | pairs predicted > 1.3x apart, right | 1.1x to 1.3x | < 1.1x |",
        "|" + "---|" * 10,
        *(_row(name, group) for name, group in groups.items()),
        _row("all", compared),
        "",
        "- Pairs are of points of one operator. Correlations of all points are across operators too.",
        f"- Slowest round over fastest, median of the points: {percentiles([one.spread for one in compared])[50]:.2f}.",
        f"- Instructions without an entry in the table: {sum(len(one.unknown) for one in compared)}.",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, compared: Sequence[Compared]) -> str:
    found, times = quality(compared), [one.measured_ms for one in compared]
    near, middle, far = (f"{right} of {total}" for right, total in found.pairs)
    cells = [
        name,
        f"{found.points}",
        f"{min(times):.3f}-{max(times):.3f}",
        f"{found.spearman:.3f}",
        f"{found.spearman_of_instructions:.3f}",
        f"{found.kendall:.3f}",
        " ".join(f"{value:.2f}" for value in found.ratio.values()),
        far,
        middle,
        near,
    ]
    return "| " + " | ".join(cells) + " |"
