"""What a tuning run looks like while it goes on: a live line in a terminal, plain lines elsewhere; always stderr."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tvm_bnn.tuning import events

if TYPE_CHECKING:
    from rich.progress import Progress

    from tvm_bnn.tuning.state import TaskState

Told = Callable[[events.Event], None]

_PLAIN_SECONDS = 5.0
"""Without a terminal a line is written at most this often, new bests apart."""


@contextmanager
def progress() -> Iterator[Told]:
    """Something to tell events to."""
    if not sys.stderr.isatty():
        yield _Plain().told
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as live:
        yield _Live(live).told


class _Plain:
    def __init__(self) -> None:
        self.best: dict[int, float] = {}
        self.last = 0.0

    def told(self, event: events.Event) -> None:
        """One line, or none."""
        for line in _notes(event):
            _write(line)
        if isinstance(event, events.TrialDone) and self._worth_a_line(event):
            _write(f"[{event.done}/{event.total}] {_status(event)}")
        elif isinstance(event, events.Settling) and time.monotonic() - self.last >= _PLAIN_SECONDS:
            self.last = time.monotonic()
            _write(_settling(event))

    def _worth_a_line(self, event: events.TrialDone) -> bool:
        index, best = event.state.task.index, event.state.best_ms
        improved = best is not None and best < self.best.get(index, float("inf"))
        if best is not None:
            self.best[index] = best
        due = improved or event.trial.failure is not None or event.done == event.total
        due = due or time.monotonic() - self.last >= _PLAIN_SECONDS
        if due:
            self.last = time.monotonic()
        return due


class _Live:
    def __init__(self, live: Progress) -> None:
        self.live = live
        self.bar = live.add_task("opening the work dir", total=None)

    def told(self, event: events.Event) -> None:
        """Move the bar, or print above it."""
        for line in _notes(event):
            self.live.console.print(line, markup=False, highlight=False)
        if isinstance(event, events.TrialDone):
            self.live.update(self.bar, completed=event.done, total=event.total, description=_status(event))
        elif isinstance(event, events.Settling):
            self.live.update(self.bar, description=_settling(event))


def _write(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _notes(event: events.Event) -> list[str]:
    """Lines that are said in any case."""
    if isinstance(event, events.Opened):
        lines = [f"journal line {number} is damaged and was set aside: {why}" for number, why in event.damaged]
        if event.strange:
            lines.append(f"{event.strange} trials of the journal have points that no space has; they do not count")
        points = sum(state.task.points for state in event.states)
        held = f", {event.held} trials of earlier runs" if event.held else ""
        return [*lines, f"{len(event.states)} tasks, {points} points{held}"]
    if isinstance(event, events.Preflight):
        label = event.state.task.operator.label()
        return [f"preflight: {label} builds, runs and equals the reference; about {_duration(event.eta)} to go"]
    return []


def _settling(event: events.Settling) -> str:
    return f"measuring the finalists of {event.state.task.operator.label()} again"


def _status(event: events.TrialDone) -> str:
    parts = [event.state.task.operator.label(), _speed(event.state)]
    failures = _failures(event)
    return " · ".join([*parts, *([failures] if failures else []), f"ETA {_duration(event.eta)}"])


def _speed(state: TaskState) -> str:
    best, gops = state.best_ms, state.best_gops
    if best is None or gops is None or state.best is None:
        return "nothing valid yet"
    return f"{state.best.lowering} {best:.3f} ms, {gops:.0f} GOP/s"


def _failures(event: events.TrialDone) -> str:
    counted: Counter[str] = event.state.failures
    text = ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))
    return f"failed: {text}" if text else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
