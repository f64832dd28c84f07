"""How far the pictures of a data set may be changed without becoming others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variation:
    """Ranges that training draws from; a picture may be flipped in any case.

    Attributes:
        scale: smallest and largest enlargement of the whole picture; of more than 1 only a part is seen, less than 1
            leaves a margin without labels.
        brightness: largest change, as a share of every value.
        contrast: largest change of the distance from the picture's mean grey, as a share of it.
        saturation: largest change of the distance from a pixel's grey, as a share of it.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    brightness: float = 0.2
    contrast: float = 0.0
    saturation: float = 0.0
