"""What the numbers in a label map stand for."""

from typing import NamedTuple

UNLABELLED = 255
"""The label of a pixel that belongs to no class."""


class ClassInfo(NamedTuple):
    """One class of a label map; its label is its place in the list of classes.

    Attributes:
        name: as shown to people.
        color: red, green and blue, 0..255 each.
    """

    name: str
    color: tuple[int, int, int]
