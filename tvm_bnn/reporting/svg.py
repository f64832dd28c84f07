"""Drawings as SVG: inside a page, whose colours they take, or as files of their own."""

from __future__ import annotations

from collections.abc import Collection
from html import escape

from tvm_bnn.reporting.drawing import MARGIN, TEXT, Box, Dot, Drawing, Path, Shape, Text
from tvm_bnn.reporting.palette import LIGHT, PAPER, variables

HATCH = (
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<rect width="3" height="6" style="fill:var(--{PAPER})"/></pattern>'
)
"""Stripes of paper across a bar that is estimated; a page holds this definition once."""

_HATCHED = "hatched"

_FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif"


def roles_css(used: Collection[str] = tuple(LIGHT)) -> str:
    """One class for every role, filled or stroked, one for stripes, and the usual size of text."""
    roles = (f".f-{role}{{fill:var(--{role})}}.s-{role}{{stroke:var(--{role});fill:none}}" for role in used)
    return f"{''.join(roles)}.{_HATCHED}{{fill:url(#hatch)}}svg text{{font-size:{_n(TEXT)}px}}"


def inline(drawing: Drawing) -> str:
    """An element of a page: it shrinks with its column and never grows beyond its own size."""
    size = f'width="{_n(drawing.width)}" height="{_n(drawing.height)}"'
    return (
        f'<svg {size} viewBox="0 0 {_n(drawing.width)} {_n(drawing.height)}" role="img" '
        f'aria-label="{escape(drawing.told)}">{_body(drawing)}</svg>'
    )


def standalone(drawing: Drawing) -> str:
    """A file of its own, light or dark as the reader's system is."""
    used = list(dict.fromkeys((PAPER, *(shape.role for shape in drawing.shapes))))
    style = f"<style>{variables(used)}{roles_css(used)}text{{{_FONT}}}</style><defs>{HATCH}</defs>"
    width, height = _n(drawing.width + 2 * MARGIN), _n(drawing.height + 2 * MARGIN)
    corner = _n(-MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{corner} {corner} {width} {height}" role="img" aria-label="{escape(drawing.told)}">{style}'
        f'<rect x="{corner}" y="{corner}" width="100%" height="100%" class="f-{PAPER}"/>{_body(drawing)}</svg>\n'
    )


def _body(drawing: Drawing) -> str:
    return "".join(map(_shape, drawing.shapes))


def _shape(shape: Shape) -> str:
    if isinstance(shape, Box):
        return _box(shape)
    if isinstance(shape, Path):
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in shape.points)
        dashes = ' stroke-dasharray="5 4"' if shape.dashed else ""
        return f'<polyline class="s-{shape.role}" stroke-width="{_n(shape.width)}"{dashes} points="{points}"/>'
    if isinstance(shape, Dot):
        return _dot(shape)
    return _text(shape)


def _box(box: Box) -> str:
    place = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'
    stripes = f'<rect {place} class="s-{box.role} {_HATCHED}"/>' if box.hatched else ""
    shapes = f'<rect {place} class="f-{box.role}"/>{stripes}'
    return f"<g>{_told(box.told)}{shapes}</g>" if box.told else shapes


def _dot(dot: Dot) -> str:
    style = f'class="s-{dot.role}" stroke-width="2"' if dot.ring else f'class="f-{dot.role}"'
    circle = f'<circle cx="{_n(dot.x)}" cy="{_n(dot.y)}" r="{_n(dot.radius)}" {style}'
    return f"{circle}>{_told(dot.told)}</circle>" if dot.told else f"{circle}/>"


def _text(text: Text) -> str:
    anchor = f' text-anchor="{text.anchor}"' if text.anchor != "start" else ""
    size = f' style="font-size:{_n(text.size)}px"' if text.size != TEXT else ""
    return f'<text x="{_n(text.x)}" y="{_n(text.y)}" class="f-{text.role}"{anchor}{size}>{escape(text.text)}</text>'


def _told(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def _n(number: float) -> str:
    """A coordinate: a tenth of a pixel is enough."""
    return f"{number:.1f}".removesuffix(".0")
