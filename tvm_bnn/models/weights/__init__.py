"""Where the trained networks lie that travel with the package."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def shipped(preset: str, width: str) -> Path:
    """The file of a preset's trained network, whether there is one or not."""
    return FOLDER / f"{preset}-{width}.safetensors"
