"""The strip below an overlay that says which colour is what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

PAPER = (250, 250, 250)
INK = (32, 32, 32)
FAINT = (110, 110, 110)
FRAME = (150, 150, 150)
LONGEST_NAME = 40
_SMALLEST_FONT = 12
_LARGEST_FONT = 96
_AISLE = 3  # between two columns, in gaps


class LegendEntry(NamedTuple):
    """A class as the legend shows it.

    Attributes:
        name: text beside the swatch.
        color: red, green and blue, 0..255 each.
        share: share of the pixels, 0..1.
    """

    name: str
    color: tuple[int, int, int]
    share: float


def draw_legend(entries: Sequence[LegendEntry], note: str | None, picture_size: tuple[int, int]) -> Image.Image:
    """The legend for a picture, in as many columns as fit.

    Args:
        entries: in reading order, column by column.
        note: a line below the entries, broken where it is too long.
        picture_size: (width, height) of the picture it goes below; decides the size of the letters.

    Returns:
        An RGB picture, as wide as the picture or, if that is too narrow for one entry, as wide as that entry.
    """
    pen = _Pen.for_picture(picture_size)
    layout = _Layout.fit(pen, entries, note, picture_size[0])
    strip = Image.new("RGB", (layout.width, layout.height), PAPER)
    draw = ImageDraw.Draw(strip)
    for index, entry in enumerate(entries):
        _draw_entry(draw, pen, layout.corner(index), layout, entry)
    for index, line in enumerate(layout.note):
        draw.text(layout.note_corner(index), line, font=pen.font, fill=FAINT)
    return strip


@dataclass(frozen=True)
class _Pen:
    """The letters, and every distance that follows from their size."""

    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    line: int
    gap: int

    @classmethod
    def for_picture(cls, picture_size: tuple[int, int]) -> "_Pen":
        width, height = picture_size
        # A panorama is wide without being large, so its height has a say.
        letters = max(_SMALLEST_FONT, min(_LARGEST_FONT, round(0.025 * min(width, 3 * height))))
        return cls(ImageFont.load_default(letters), round(1.5 * letters), round(0.5 * letters))

    def width_of(self, text: str) -> int:
        return int(-(-self.font.getlength(text) // 1))


@dataclass(frozen=True)
class _Layout:
    """Where everything goes; distances in pixels."""

    width: int
    columns: int
    rows: int
    cell: int
    margin: int
    gap: int
    line: int
    note: tuple[str, ...]

    @classmethod
    def fit(cls, pen: _Pen, entries: Sequence[LegendEntry], note: str | None, width: int) -> "_Layout":
        margin, cell = 2 * pen.gap, _cell_width(pen, entries)
        inner = max(width - 2 * margin, cell)
        columns = max(1, min(len(entries), (inner + _AISLE * pen.gap) // (cell + _AISLE * pen.gap)))
        rows = -(-len(entries) // columns)
        lines = tuple(_wrap(pen, note or "", inner))
        inner = max([inner, *(pen.width_of(line) for line in lines)])
        return cls(inner + 2 * margin, columns, rows, cell, margin, pen.gap, pen.line, lines)

    @property
    def height(self) -> int:
        between = self.gap if self.rows and self.note else 0
        return 2 * self.margin + self.rows * self.line + between + len(self.note) * self.line

    def corner(self, index: int) -> tuple[int, int]:
        column, row = divmod(index, self.rows)
        return self.margin + column * (self.cell + _AISLE * self.gap), self.margin + row * self.line

    def note_corner(self, index: int) -> tuple[int, int]:
        return self.margin, self.height - self.margin - (len(self.note) - index) * self.line


def _cell_width(pen: _Pen, entries: Sequence[LegendEntry]) -> int:
    names = max((pen.width_of(_name(entry)) for entry in entries), default=0)
    return pen.line + pen.gap + names + pen.gap + _share_width(pen)


def _share_width(pen: _Pen) -> int:
    return pen.width_of("100.0 %")


def _name(entry: LegendEntry) -> str:
    name = " ".join(entry.name.split())
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _percent(share: float) -> str:
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def _draw_entry(
    draw: ImageDraw.ImageDraw, pen: _Pen, corner: tuple[int, int], layout: _Layout, entry: LegendEntry
) -> None:
    left, top = corner
    middle = top + pen.line // 2
    inset = pen.line // 6
    swatch = (left, top + inset, left + pen.line - 2, top + pen.line - inset)
    draw.rounded_rectangle(swatch, radius=inset, fill=entry.color, outline=FRAME, width=max(1, pen.line // 24))
    draw.text((left + pen.line + pen.gap, middle), _name(entry), font=pen.font, fill=INK, anchor="lm")
    draw.text((left + layout.cell, middle), _percent(entry.share), font=pen.font, fill=FAINT, anchor="rm")


def _wrap(pen: _Pen, text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and pen.width_of(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
