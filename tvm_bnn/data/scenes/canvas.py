"""What a scene is drawn on.

Pixels hold the number of an ink, and an ink has a colour and a label, so picture and labels cannot disagree.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.dice import Int16
from tvm_bnn.data.scenes.plan import Box
from tvm_bnn.data.scenes.vocabulary import Label

Color: TypeAlias = tuple[int, int, int]
Mask: TypeAlias = npt.NDArray[np.bool_]


def shaded(color: Color, by: int) -> Color:
    """A colour made lighter by some grey levels, or darker by a negative number."""
    red, green, blue = color
    return red + by, green + by, blue + by


class Canvas:
    """A picture in the making.

    Args:
        sky: int16 [H, W, 3], the colours where nothing is drawn.

    Attributes:
        height: rows.
        width: columns.
    """

    def __init__(self, sky: Int16) -> None:
        self.height, self.width = sky.shape[:2]
        self._sky = sky
        self._pixels = np.zeros((self.height, self.width), np.uint16)
        self._colors: list[Color] = [(0, 0, 0)]
        self._labels = [Label.SKY]

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """The label of each pixel, uint8 [H, W]."""
        return np.take(np.array(self._labels, np.uint8), self._pixels)

    @property
    def colors(self) -> Int16:
        """The colour of each pixel, int16 [H, W, 3]."""
        drawn = np.take(np.array(self._colors, np.int16), self._pixels, axis=0)
        np.copyto(drawn, self._sky, where=(self._pixels == 0)[:, :, None])
        return drawn

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

    def disc(self, box: Box, color: Color, label: Label) -> None:
        """Fill the ellipse that a box encloses; what lies outside is cut off."""
        inside = self.clip(box)
        # In half pixels, so that the centre of an even box is whole.
        x = 2 * np.arange(inside.left, inside.right) + 1 - box.left - box.right
        y = 2 * np.arange(inside.top, inside.bottom) + 1 - box.top - box.bottom
        across, down = box.width**2, box.height**2
        mask = (x * x * down)[None, :] + (y * y * across)[:, None] <= across * down
        self.stencil(inside, mask, color, label)

    def _ink(self, color: Color, label: Label) -> np.uint16:
        self._colors.append(color)
        self._labels.append(label)
        return np.uint16(len(self._labels) - 1)
