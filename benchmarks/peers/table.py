"""The Markdown of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.peers.results import Outcome
from benchmarks.peers.rounds import Ratio, Timing, ratio

_TITLES = {
    "layers": "Single binary layers",
    "avx2": "The code for CPUs with AVX2 only",
    "networks": "The complete network",
}

_TEXTS = {
    "layers": (
        "Ours takes packed signs and gives packed signs; `ours, with stream` also reads and writes an int16 stream. "
        "The others compute the same window in the precision that is named, every number of theirs without the "
        "conversions at the ends of a network: (chain of 5 - one) / 4, or, where a layer changes its shape, a network "
        "with it minus one without. OpenVINO's binary convolution is right for 0 and 1 only: signs would need a "
        "correction that is not in its time, and its padding then means -1."
    ),
    "avx2": (
        "Ours compiled for `x86-avx2`, packed signs in and out, against torch in fp32 held to AVX2 and as it likes on "
        "this CPU."
    ),
    "networks": (
        "From the bytes of a picture to labels. Ours is the preset of this width; the others run its twin in floating "
        "point: the same convolutions, upsampling, attention to pooled anchors and head, batch norms and gates "
        "folded, random weights. OpenVINO int8 is the twin quantised by NNCF after training."
    ),
}


def markdown(outcomes: Sequence[Outcome], conditions: Mapping[str, Any]) -> str:
    """All sections that were measured."""
    lines = [
        f"# Beside other engines on {conditions['machine']} ({conditions['target']}), measured",
        "",
        "Made by `python -m benchmarks.peers`: every engine in a process of its own, tied to as many cores as it has "
        "threads, warm, in turn (A B C A B C); while one runs the others are stopped. Times are medians, in brackets "
        "the 5th to 95th percentile; GOPS = 2 MAC / time / 1e9; `ours is faster` is their time / ours, median over "
        "the rounds and in brackets the range of the rounds.",
        "",
        f"Versions: {', '.join(f'{name} {version}' for name, version in conditions['versions'].items())}.",
        *(f"- Not installed: {name}: {reason}" for name, reason in conditions["absent"].items()),
    ]
    for section, group in groupby(outcomes, key=lambda outcome: outcome.section):
        lines += ["", f"## {_TITLES[section]}", "", _TEXTS[section]]
        for threads, same in groupby(group, key=lambda outcome: outcome.threads):
            lines += ["", f"### {section}, threads: {threads}", "", *_tables(list(same))]
    return "\n".join(lines) + "\n"


def _tables(outcomes: Sequence[Outcome]) -> Iterator[str]:
    engines = list(dict.fromkeys(name for outcome in outcomes for name in outcome.timings))
    yield from _matrix("GOPS", outcomes, engines, _speed)
    yield ""
    yield from _matrix("ours is faster, times", outcomes, engines[1:], _faster)
    yield ""
    yield from _details(outcomes)
    yield from _notes(outcomes)


def _matrix(corner: str, outcomes: Sequence[Outcome], engines: Sequence[str], cell: Any) -> Iterator[str]:
    yield _row([corner, *engines])
    yield "|---" * (len(engines) + 1) + "|"
    for outcome in outcomes:
        yield _row([outcome.case, *(cell(outcome, outcome.timings.get(engine, Timing())) for engine in engines)])


def _speed(outcome: Outcome, timing: Timing) -> str:
    return f"{timing.gops(outcome.macs):.0f}" if timing.rounds else "-"


def _faster(outcome: Outcome, timing: Timing) -> str:
    return _shown(ratio(outcome.ours, timing))


def _shown(found: Ratio | None) -> str:
    return "-" if found is None else f"{found.median:.2f} ({found.low:.2f}-{found.high:.2f})"


def _details(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield _row(["case", "engine", "ms", "GOPS", "ours is faster"])
    yield "|---" * 5 + "|"
    for outcome in outcomes:
        for name, timing in outcome.timings.items():
            yield _row([outcome.case, name, *_detail(outcome, timing)])


def _detail(outcome: Outcome, timing: Timing) -> list[str]:
    if not timing.rounds:
        return [f"absent: {timing.absent.replace('|', '/')}", "-", "-"]
    low, high = timing.spread
    milliseconds = f"{timing.median:.4g} ({low:.4g}-{high:.4g})"
    return [milliseconds, _speed(outcome, timing), _faster(outcome, timing) if timing is not outcome.ours else "1"]


def _notes(outcomes: Sequence[Outcome]) -> Iterator[str]:
    noted = [outcome for outcome in outcomes if outcome.notes]
    if noted:
        yield ""
    for outcome in noted:
        yield f"- {outcome.case}: {', '.join(f'{name} {value}' for name, value in outcome.notes.items())}."


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
