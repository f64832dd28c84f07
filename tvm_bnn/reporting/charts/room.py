"""Where a name fits beside what it names, without covering anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tvm_bnn.reporting.drawing import Anchor, Text, text_width


class Area(NamedTuple):
    """A rectangle, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Area) -> bool:
        """Whether both have a point inside in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass
class Room:
    """What of a picture is free.

    Attributes:
        whole: names stay inside.
        taken: areas that something covers.
    """

    whole: Area
    taken: list[Area] = field(default_factory=list)

    def named(self, name: str, x: float, y: float, distance: float, size: float, role: str) -> list[Text]:
        """The name beside (x, y), above or below it, wherever there is room; nothing where there is none.

        Args:
            name: one line.
            x: of what it names.
            y: of what it names.
            distance: of the text from that point.
            size: of the text.
            role: colour of the text.
        """
        width = text_width(name, size)
        level = y + size / 3
        places: tuple[tuple[float, float, Anchor], ...] = (
            (x + distance, level, "start"),
            (x - distance, level, "end"),
            (x, y - distance, "middle"),
            (x, y + distance + 0.8 * size, "middle"),
            (x + 0.5 * distance, y + distance + 0.8 * size, "start"),
            (x - 0.5 * distance, y - distance, "end"),
        )
        for at, baseline, anchor in places:
            left = at - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            area = Area(left, baseline - 0.8 * size, left + width, baseline + 0.2 * size)
            if self._is_free(area):
                self.taken.append(area)
                return [Text(at, baseline, name, anchor, role, size)]
        return []

    def _is_free(self, area: Area) -> bool:
        whole = self.whole
        inside = whole.left <= area.left and area.right <= whole.right
        inside = inside and whole.top <= area.top and area.bottom <= whole.bottom
        return inside and not any(area.overlaps(other) for other in self.taken)
