"""What the colours of a picture stand for, where no page around it says so."""

from __future__ import annotations

from collections.abc import Sequence

from tvm_bnn.reporting.charts.axes import SMALL
from tvm_bnn.reporting.drawing import Box, Drawing, Text, text_width
from tvm_bnn.reporting.palette import FAMILIES, MUTED

_SWATCH = 11.0
_LINE = 20.0
_APART = 18.0
_ABOVE = 10.0


def add_legend(drawing: Drawing, families: Sequence[str]) -> None:
    """Write below the picture what its families of operators are called, in as many lines as it takes.

    Args:
        drawing: grows downwards.
        families: roles of the palette.
    """
    x, y = 0.0, drawing.height + _ABOVE
    for role in families:
        wide = _SWATCH + 6 + text_width(FAMILIES[role], SMALL)
        if x and x + wide > drawing.width:
            x, y = 0.0, y + _LINE
        drawing.add(
            Box(x, y, _SWATCH, _SWATCH, role),
            Text(x + _SWATCH + 6, y + _SWATCH - 1, FAMILIES[role], role=MUTED, size=SMALL),
        )
        x += wide + _APART
    drawing.height = y + _LINE
