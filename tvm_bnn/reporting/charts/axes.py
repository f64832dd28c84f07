"""Two axes with their names and a grid, for charts of points and lines."""

from __future__ import annotations

from dataclasses import dataclass

from tvm_bnn.reporting.drawing import Drawing, Path, Text, text_width
from tvm_bnn.reporting.labels import count
from tvm_bnn.reporting.palette import MUTED
from tvm_bnn.reporting.scales import Scale

SMALL = 12.0
"""Size of the text at ticks, in pixels."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 26.0, 44.0


@dataclass(frozen=True)
class Axes:
    """The scales of both axes, whose pixels are those of one drawing."""

    x: Scale
    y: Scale


@dataclass(frozen=True)
class Extent:
    """What an axis shows: its name with the unit, from where to where, and whether in equal ratios."""

    name: str
    low: float
    high: float
    log: bool = False


def draw_axes(drawing: Drawing, across: Extent, up: Extent, right: float = _RIGHT) -> Axes:
    """Draw the grid, the numbers at it and the names; the name of the upright axis stands above it.

    Args:
        drawing: whose whole size is used.
        across: what the level axis shows.
        up: what the upright axis shows.
        right: pixels left free at the right.
    """
    x = Scale(across.low, across.high, _LEFT, drawing.width - right, across.log)
    y = Scale(up.low, up.high, drawing.height - _BOTTOM, _TOP, up.log)
    taken = -1e9
    for tick in x.ticks():
        place, text = x(tick), count(tick)
        drawing.add(Path(((place, y.start), (place, y.end))))
        if place - text_width(text, SMALL) / 2 > taken:
            drawing.add(Text(place, y.start + 16, text, "middle", MUTED, SMALL))
            taken = place + text_width(text, SMALL) / 2 + 6
    for tick in y.ticks():
        drawing.add(Path(((x.start, y(tick)), (x.end, y(tick)))))
        drawing.add(Text(x.start - 6, y(tick) + 4, count(tick), "end", MUTED, SMALL))
    drawing.add(
        Text(0, 13, up.name, role=MUTED, size=SMALL),
        Text(x.end, drawing.height - 8, across.name, "end", MUTED, SMALL),
        Path(((x.start, y.end), (x.start, y.start), (x.end, y.start)), MUTED),
    )
    return Axes(x, y)
