"""Charts of reports: each lays out one picture for a given width, for a desk or for a phone."""

from __future__ import annotations

WIDE, NARROW = 920.0, 350.0
"""Widths of pictures, in pixels."""

_ROOMY = 560.0


def is_narrow(width: float) -> bool:
    """Whether labels have no room beside what they name."""
    return width < _ROOMY
