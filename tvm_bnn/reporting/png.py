"""Drawings as PNG, on light paper, for where SVG cannot go."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from PIL import Image, ImageColor

from tvm_bnn.reporting.drawing import MARGIN, Box, Dot, Drawing, Path, Text
from tvm_bnn.reporting.palette import LIGHT, PAPER

_DPI = 72
"""At so many dots an inch a point is a pixel."""

_SCALE = 1.5
"""Pixels of the file for one of the drawing, for fine screens."""

_SHADES = (0.0, 0.25, 0.5, 0.75)
"""Shares of paper in the colours of the file: those of the drawing themselves, and enough for smooth edges."""

_NARROWER = 0.86
"""The font here is wider than those of browsers."""

_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def png(drawing: Drawing) -> bytes:
    """The file; the same drawing gives the same bytes."""
    size = [(length + 2 * MARGIN) / _DPI for length in (drawing.width, drawing.height)]
    figure = Figure(figsize=(size[0], size[1]), dpi=_DPI, facecolor=LIGHT[PAPER])
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-MARGIN, drawing.width + MARGIN)
    axes.set_ylim(drawing.height + MARGIN, -MARGIN)
    axes.axis("off")
    for order, shape in enumerate(drawing.shapes):
        _draw(axes, shape, order)
    raw, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=_DPI * _SCALE, metadata={"Software": None})
    with Image.open(raw) as picture:
        picture.convert("RGB").quantize(palette=_palette(drawing), dither=Image.Dither.NONE).save(
            packed, "PNG", optimize=True
        )
    return packed.getvalue()


def _palette(drawing: Drawing) -> Image.Image:
    """The colours of the drawing, exactly, and their way to the paper; fewer colours are fewer bytes."""
    paper = ImageColor.getrgb(LIGHT[PAPER])
    roles = dict.fromkeys((PAPER, *(shape.role for shape in drawing.shapes)))
    found = Image.new("P", (1, 1))
    found.putpalette(
        [
            round(colour + (white - colour) * share)
            for role in roles
            for share in _SHADES
            for colour, white in zip(ImageColor.getrgb(LIGHT[role]), paper, strict=True)
        ]
    )
    return found


def _draw(axes: Any, shape: Box | Path | Dot | Text, order: int) -> None:
    colour = LIGHT[shape.role]
    if isinstance(shape, Box):
        hatch: dict[str, Any] = {"hatch": "////", "edgecolor": LIGHT[PAPER], "linewidth": 0} if shape.hatched else {}
        axes.add_patch(Rectangle((shape.x, shape.y), shape.width, shape.height, fc=colour, zorder=order, **hatch))
    elif isinstance(shape, Path):
        xs, ys = zip(*shape.points, strict=True)
        axes.plot(xs, ys, color=colour, linewidth=shape.width, linestyle="--" if shape.dashed else "-", zorder=order)
    elif isinstance(shape, Dot):
        fill = "none" if shape.ring else colour
        axes.add_patch(Circle((shape.x, shape.y), shape.radius, fc=fill, ec=colour, linewidth=1.5, zorder=order))
    else:
        axes.text(
            *(shape.x, shape.y, shape.text.replace("$", r"\$")),
            color=colour,
            fontsize=shape.size * _NARROWER,
            ha=_ANCHORS[shape.anchor],
            va="baseline",
            zorder=order,
        )
