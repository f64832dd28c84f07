"""Pictures as the example in C++ reads and writes them."""

from pathlib import Path
from typing import Any

import numpy as np

UInt8 = np.ndarray[Any, np.dtype[np.uint8]]


def write_ppm(path: Path, image: UInt8) -> None:
    """A picture [H, W, 3] as a binary PPM file, with a comment."""
    height, width, _ = image.shape
    path.write_bytes(f"P6\n# a comment\n{width} {height}\n255\n".encode() + image.tobytes())


def labels_of(path: Path) -> UInt8:
    """The values [H, W] of a binary PGM file."""
    magic, size, depth, values = path.read_bytes().split(b"\n", 3)
    assert (magic, depth) == (b"P5", b"255")
    width, height = map(int, size.split())
    return np.frombuffer(values, np.uint8).reshape(height, width)
