"""One network on several targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tvm_bnn.reporting.charts.bars import Bar, Row, bar_chart
from tvm_bnn.reporting.palette import ACCENT
from tvm_bnn.reporting.pictures import Picture
from tvm_bnn.reporting.views import Shown, View, shown
from tvm_bnn.reporting.words import milliseconds, number, plural, times

FOLDER = "comparison"


@dataclass(frozen=True)
class Absent:
    """A target that has no figures, and why."""

    name: str
    description: str
    why: str


@dataclass(frozen=True)
class Compared:
    """All profiles of one network; measured ones first, the fastest first within each evidence."""

    name: str
    views: Sequence[View]

    @property
    def mixed(self) -> bool:
        """Whether some are measured and some estimated."""
        return len({view.profile.evidence for view in self.views}) > 1

    @property
    def folder(self) -> str:
        """Where its pictures lie, from the page."""
        return f"{FOLDER}/{self.views[0].anchor}"

    @cached_property
    def picture(self) -> Picture:
        """Bars of all that have a total."""
        rows = [
            Row(f"{view.profile.target}, {plural(view.profile.threads, 'thread')}, {view.profile.evidence}", (bar,))
            for view in self.views
            if (bar := _bar(view)) is not None
        ]
        each = "; ".join(f"{row.label}: {row.bars[0].text}" for row in rows)
        told = f"Bars of the time that {self.name} takes. {each}."
        return Picture("comparison", told, lambda width: bar_chart(rows, told, width))

    @cached_property
    def shown(self) -> dict[str, Shown]:
        """The picture as SVG."""
        return shown([self.picture])

    @property
    def sentences(self) -> list[str]:
        """The fastest and the slowest of each evidence."""
        told = []
        for evidence in ("measured", "estimated"):
            timed = [
                (view.profile.total.median_ms, view.profile.target)
                for view in self.views
                if view.profile.evidence == evidence and view.profile.total.median_ms is not None
            ]
            if not timed:
                continue
            (least, first), (most, last) = timed[0], timed[-1]
            slowest = f"; {milliseconds(most)} on {last}, {times(most / least)} of that" if len(timed) > 1 else ""
            told.append(f"{evidence.capitalize()}: {milliseconds(least)} on {first}{slowest}.")
        return told


def _bar(view: View) -> Bar | None:
    total = view.profile.total.median_ms
    if total is None:
        return None
    text = f"{milliseconds(total)}, {number(1000 / total)}/s"
    return Bar(total, text, ACCENT, view.profile.evidence == "estimated")


def compared(views: Sequence[View]) -> list[Compared]:
    """All networks by name."""
    networks = sorted({view.chapter.network for view in views})
    return [Compared(name, sorted((v for v in views if v.chapter.network == name), key=_order)) for name in networks]


def _order(view: View) -> tuple[bool, bool, float]:
    total = view.profile.total.median_ms
    return view.profile.evidence != "measured", total is None, total or 0.0
