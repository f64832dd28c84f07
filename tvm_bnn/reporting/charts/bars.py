"""Horizontal bars: one row a thing, one or two bars in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm_bnn.reporting.charts import is_narrow
from tvm_bnn.reporting.drawing import Box, Drawing, Path, Text, shortened, text_width
from tvm_bnn.reporting.palette import GRID, MUTED
from tvm_bnn.reporting.scales import Scale

_BAR, _GAP, _LINE = 16.0, 9.0, 18.0
_WIDEST_LABEL = 0.46
"""Of the width, for labels beside the bars."""

_LEAST = 1.5
"""Pixels of the smallest bar: what is there can be seen."""


@dataclass(frozen=True)
class Bar:
    """One bar: its value, the text at its end, its colour, and whether it is an estimate."""

    value: float
    text: str
    role: str
    hatched: bool = False


@dataclass(frozen=True)
class Row:
    """One row: what it is, and its bars from top to bottom."""

    label: str
    bars: tuple[Bar, ...]


def bar_chart(rows: Sequence[Row], told: str, width: float, longest: float | None = None) -> Drawing:
    """All rows on one scale that begins at zero.

    Args:
        rows: from top to bottom.
        told: what the picture shows, in words.
        width: of the picture, in pixels.
        longest: where the scale ends; None for the greatest value.
    """
    above = is_narrow(width)
    gutter = 0.0 if above else min(_WIDEST_LABEL * width, max((text_width(row.label) for row in rows), default=0) + 12)
    values = max((text_width(bar.text) for row in rows for bar in row.bars), default=0) + 10
    greatest = max((bar.value for row in rows for bar in row.bars), default=0) or 1.0
    scale = Scale(0, longest or greatest, gutter, width - values)
    drawing = Drawing(width, 0, told)
    y = 0.0
    for row in rows:
        if above:
            drawing.add(Text(0, y + 13, shortened(row.label, width)))
            y += _LINE
        y = _row(drawing, row, scale, y, gutter) + _GAP
    drawing.height = max(y, _LINE)
    drawing.shapes.insert(0, Path(((gutter, 0), (gutter, drawing.height)), GRID))
    return drawing


def _row(drawing: Drawing, row: Row, scale: Scale, y: float, gutter: float) -> float:
    """Draw one row from ``y`` on; where it ends."""
    middle = y + len(row.bars) * _BAR / 2
    if gutter:
        drawing.add(Text(gutter - 8, middle + 4.5, shortened(row.label, gutter - 8), anchor="end"))
    # What stands beside the bar in full need not be told again.
    cut = text_width(row.label) > (gutter - 8 if gutter else drawing.width)
    for bar in row.bars:
        length = max(scale(bar.value) - scale.start, _LEAST)
        drawing.add(
            Box(scale.start, y, length, _BAR - 1, bar.role, bar.hatched, row.label if cut else ""),
            Text(scale.start + length + 6, y + 12.5, bar.text, role=MUTED),
        )
        y += _BAR
    return y
