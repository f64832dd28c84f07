"""What a scene is drawn on.

Pixels hold the number of an ink, and an ink has a colour and a label, so picture and labels cannot disagree.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.dice import Int16
from tvm_bnn.data.scenes.plan import Box
from tvm_bnn.data.scenes.vocabulary import Label

Color: TypeAlias = tuple[int, int, int]
Mask: TypeAlias = npt.NDArray[np.bool_]
Point: TypeAlias = tuple[int, int]
UInt8: TypeAlias = npt.NDArray[np.uint8]

_Scalar = TypeVar("_Scalar", bound=np.generic)

HAZE = 64
"""The share of the air in the colour of what is infinitely far away."""


class Spans(NamedTuple):
    """Pixels of a shape, row by row.

    Attributes:
        top: the first row; it may lie above the canvas.
        lefts: first column of each row.
        rights: first column after it; a row is empty where it is not beyond the left one.
    """

    top: int
    lefts: Sequence[int]
    rights: Sequence[int]


def shaded(color: Color, by: int) -> Color:
    """A colour made lighter by some grey levels, or darker by a negative number."""
    red, green, blue = color
    return red + by, green + by, blue + by


def ellipse(box: Box) -> Spans:
    """The pixels whose centres lie in the ellipse that a box encloses."""
    across, down = box.width**2, box.height**2
    lefts, rights = [], []
    # In half pixels, so that the centre of an even box is whole.
    center = box.left + box.right - 1
    for row in range(box.top, box.bottom):
        aside = 2 * row + 1 - box.top - box.bottom
        reach = math.isqrt(max(across * (down - aside * aside), 0) // down)
        lefts.append(-((reach - center) // 2))
        rights.append((center + reach) // 2 + 1)
    return Spans(box.top, lefts, rights)


def polygon(corners: Sequence[Point]) -> Spans:
    """The pixels of a convex polygon; corners (column, row) lie between pixels, in order around it."""
    top, bottom = min(row for _, row in corners), max(row for _, row in corners)
    lefts, rights = [2**30] * (bottom - top), [-(2**30)] * (bottom - top)
    for (x, y), (end_x, end_y) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if y == end_y:
            continue
        if y > end_y:
            x, y, end_x, end_y = end_x, end_y, x, y
        run, rise = end_x - x, 2 * (end_y - y)
        for place in range(end_y - y):
            column = x + run * (2 * place + 1) // rise
            at = y + place - top
            lefts[at] = min(lefts[at], column)
            rights[at] = max(rights[at], column)
    return Spans(top, lefts, rights)


class Canvas:
    """A picture in the making.

    Args:
        height: rows.
        width: columns.
        sky: int16 [3, h, W], the colours of the upper rows where nothing is drawn.
        air: the colour that far things fade to.

    Attributes:
        height: rows.
        width: columns.
        haze: how much of what is drawn next is air, 0..`HAZE`.
    """

    def __init__(self, height: int, width: int, sky: Int16, air: Color = (200, 205, 210)) -> None:
        self.height, self.width = height, width
        self.haze = 0
        self._sky = sky
        self._air = air
        self._pixels = np.zeros((height, width), np.uint16)
        self._colors: list[Color] = [(0, 0, 0)]
        self._labels = [Label.SKY]
        self._shade = np.zeros((height, width), np.bool_)
        self._ground = 0

    @property
    def labels(self) -> UInt8:
        """The label of each pixel, uint8 [H, W]."""
        return self.by_label(np.arange(len(Label), dtype=np.uint8))

    @property
    def colors(self) -> Int16:
        """The colour of each pixel, int16 [3, H, W]."""
        inks = np.array(self._colors, np.int16).T.copy()
        colors = np.empty((3, self.height, self.width), np.int16)
        rows = self._sky.shape[1]
        empty = self._pixels[:rows] == 0
        for plane, ink, sky in zip(colors, inks, self._sky, strict=True):
            np.take(ink, self._pixels, out=plane, mode="clip")
            np.copyto(plane[:rows], sky, where=empty)
        return colors

    @property
    def shade(self) -> Mask:
        """Where a shadow lies on the ground and nothing stands before it, bool [H, W]."""
        return self._shade & (self._pixels <= self._ground)

    @property
    def inks(self) -> int:
        """How many inks there are so far."""
        return len(self._labels)

    def by_label(self, table: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """For each pixel what the table [labels] says of its label, [H, W]."""
        return np.take(table[np.array(self._labels)], self._pixels, mode="clip")

    def drawn_since(self, inks: int) -> Mask:
        """Where something was drawn when there were so many inks or more, bool [H, W]."""
        return self._pixels >= inks

    def end_ground(self) -> None:
        """From now on things are drawn that cast shadows on what there is."""
        self._ground = len(self._labels) - 1

    def clip(self, box: Box) -> Box:
        """The part of a box that lies on the canvas; empty boxes stay empty."""
        left, top = min(max(box.left, 0), self.width), min(max(box.top, 0), self.height)
        right, bottom = min(max(box.right, left), self.width), min(max(box.bottom, top), self.height)
        return Box(left, top, right, bottom)

    def rectangle(self, box: Box, color: Color, label: Label) -> None:
        """Fill a rectangle; what lies outside is cut off."""
        left, top, right, bottom = self.clip(box)
        self._pixels[top:bottom, left:right] = self._ink(color, label)

    def stencil(self, box: Box, mask: Mask, color: Color, label: Label) -> None:
        """Fill the pixels of a box that are true in `mask`.

        Args:
            box: on the canvas.
            mask: bool, of the box's shape.
            color: red, green and blue.
            label: of the pixels.
        """
        left, top, right, bottom = box
        np.copyto(self._pixels[top:bottom, left:right], self._ink(color, label), where=mask)

    def fill(self, spans: Spans, color: Color, label: Label) -> None:
        """Fill a shape; what lies outside the canvas is cut off."""
        self._write(self._pixels, spans, self._ink(color, label))

    def disc(self, box: Box, color: Color, label: Label) -> None:
        """Fill the ellipse that a box encloses; what lies outside is cut off."""
        self.fill(ellipse(box), color, label)

    def ring(self, box: Box, thick: int, color: Color, label: Label) -> None:
        """Fill the part of a box's ellipse that is at most `thick` from its edge; one sees through the rest."""
        outer = ellipse(box)
        hole = Box(box.left + thick, box.top + thick, box.right - thick, box.bottom - thick)
        if hole.width <= 0 or hole.height <= 0:
            self.fill(outer, color, label)
            return
        inner = ellipse(hole)
        # Rows above and below the hole have it to the right of all pixels.
        starts = [*outer.rights[:thick], *inner.lefts, *outer.rights[len(outer.rights) - thick :]]
        ends = [*outer.rights[:thick], *inner.rights, *outer.rights[len(outer.rights) - thick :]]
        self.fill(Spans(box.top, outer.lefts, starts), color, label)
        self.fill(Spans(box.top, ends, outer.rights), color, label)

    def line(self, start: Point, end: Point, thick: int, color: Color, label: Label) -> None:
        """A straight line between two pixels (column, row), `thick` pixels wide across the steeper direction."""
        ink = self._ink(color, label)
        (x, y), (end_x, end_y) = start, end
        run, rise = end_x - x, end_y - y
        length = max(abs(run), abs(rise), 1)
        for step in range(length + 1):
            column, row = x + run * step // length, y + rise * step // length
            if abs(run) > abs(rise):
                down, right = thick, 1
            else:
                down, right = 1, thick
            if row + down > 0 and column + right > 0:
                self._pixels[max(row, 0) : row + down, max(column, 0) : column + right] = ink

    def cast(self, spans: Spans) -> None:
        """Let a shadow fall; it is seen only where the ground is."""
        self._write(self._shade, spans, np.True_)

    def _write(self, where: npt.NDArray[_Scalar], spans: Spans, value: _Scalar) -> None:
        top, lefts, rights = spans
        above = max(-top, 0)
        rows = range(top + above, min(top + len(lefts), self.height))
        for row, left, right in zip(rows, lefts[above:], rights[above:], strict=False):
            if 0 < right > left:
                where[row, max(left, 0) : right] = value

    def _ink(self, color: Color, label: Label) -> np.uint16:
        if self.haze:
            clear = HAZE - self.haze
            red, green, blue = (
                (own * clear + air * self.haze) // HAZE for own, air in zip(color, self._air, strict=True)
            )
            color = red, green, blue
        self._colors.append(color)
        self._labels.append(label)
        return np.uint16(len(self._labels) - 1)
