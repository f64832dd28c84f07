"""``python -m benchmarks.scenes_picture``: draw the picture of the generated data sets that the documentation shows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tvm_bnn.data.drawn import Scenes, ScenesCityscapes, ScenesEcssd, ScenesKittiRoad
from tvm_bnn.data.picture import UInt8, save_png

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "scenes.png"
SIZE, SQUARE = (160, 320), (160, 160)
ROWS: tuple[tuple[type[Scenes], tuple[int, int], tuple[int, ...]], ...] = (
    (Scenes, SIZE, (31,)),
    (ScenesCityscapes, SIZE, (23,)),
    (ScenesKittiRoad, SIZE, (1,)),
    (ScenesEcssd, SQUARE, (8, 5)),
)
"""Data sets, sizes (H, W), and which of their validation pictures."""


def main() -> None:
    """Write it."""
    save_png(picture(), PICTURE)
    sys.stderr.write(f"{PICTURE}\n")


def picture() -> Image.Image:
    """One data set a row, its pictures to the left and their labels to the right, in 256 colours."""
    rows = [_row(source("val", max(indices) + 1, size, 0), indices) for source, size, indices in ROWS]
    return Image.fromarray(np.concatenate(rows)).quantize(256, dither=Image.Dither.NONE)


def _row(data: Scenes, indices: tuple[int, ...]) -> UInt8:
    colors = np.array([entry.color for entry in data.classes], np.uint8)
    samples = [data.sample(index) for index in indices]
    return np.concatenate([*(one.picture for one in samples), *(colors[one.labels] for one in samples)], axis=1)


if __name__ == "__main__":
    main()
