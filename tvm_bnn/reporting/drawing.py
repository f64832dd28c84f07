"""Pictures as lists of simple shapes: a chart is drawn once, and written as SVG or as PNG.

Coordinates are pixels from the upper left corner. Colours are roles of :mod:`tvm_bnn.reporting.palette`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tvm_bnn.reporting.palette import GRID, INK

Anchor = Literal["start", "middle", "end"]
TEXT = 13.0
"""Size of text, in pixels."""

MARGIN = 14.0
"""Pixels of paper around a picture that is a file of its own."""

_EM, _NARROW_EM, _WIDE_EM = 0.62, 0.38, 0.97
_NARROW, _WIDE = frozenset(" .,:;'|!()[]/-ijlfrt"), frozenset("mwMW%@…")
"""Widths of characters, in sizes of the text, of the widest of the usual fonts."""


@dataclass(frozen=True)
class Box:
    """A filled rectangle; hatched where it stands for an estimate, ``told`` is shown where the pointer rests."""

    x: float
    y: float
    width: float
    height: float
    role: str
    hatched: bool = False
    told: str = ""


@dataclass(frozen=True)
class Path:
    """A line through points."""

    points: Sequence[tuple[float, float]]
    role: str = GRID
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Dot:
    """A disc, or a ring where it stands for an estimate."""

    x: float
    y: float
    radius: float
    role: str
    ring: bool = False
    told: str = ""


@dataclass(frozen=True)
class Text:
    """One line of text with its baseline at ``y``."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    role: str = INK
    size: float = TEXT


Shape = Box | Path | Dot | Text


@dataclass
class Drawing:
    """A picture; ``told`` says in words what it shows, for whoever cannot see it."""

    width: float
    height: float
    told: str
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Draw on top of what is there."""
        self.shapes.extend(shapes)


def text_width(text: str, size: float = TEXT) -> float:
    """About how wide a line of text is, in pixels."""
    return size * sum(_NARROW_EM if one in _NARROW else _WIDE_EM if one in _WIDE else _EM for one in text)


def shortened(text: str, width: float, size: float = TEXT) -> str:
    """The text, its middle left out where it would be wider than ``width`` pixels."""
    found, kept = text, len(text)
    while kept > 2 and text_width(found, size) > width:
        kept -= 1
        head = max(1, kept // 3)
        found = f"{text[:head]}…{text[len(text) - kept + head :]}"
    return found
