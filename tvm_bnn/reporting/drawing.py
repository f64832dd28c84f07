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

_EM = 0.61
"""Width of a mean character, in sizes of the text, of the widest of the usual fonts."""


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
    return len(text) * size * _EM


def shortened(text: str, width: float, size: float = TEXT) -> str:
    """The text, its middle left out where it would be wider than ``width`` pixels."""
    room = int(width / size / _EM)
    if len(text) <= room:
        return text
    head = max(1, (room - 1) // 3)
    return f"{text[:head]}…{text[len(text) - max(1, room - 1 - head) :]}"
