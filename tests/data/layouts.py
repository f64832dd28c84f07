"""Tiny data sets in the folders and files that the official archives unpack into."""

from pathlib import Path

import numpy as np
from PIL import Image

from tvm_bnn.data.cityscapes import EVALUATED_IDS

KITTI_COLORS = np.array([(255, 0, 0), (255, 0, 255), (0, 0, 0)], np.uint8)
"""Beside the road, road, not annotated."""


def photograph(path: Path, size: tuple[int, int], seed: int) -> np.ndarray:
    """Write noise (height, width) and return it."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return save(path, pixels)


def save(path: Path, pixels: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def cityscapes(
    root: Path,
    counts: dict[str, int],
    size: tuple[int, int] = (32, 64),
    ending: str = "labelIds",
) -> dict[str, np.ndarray]:
    """Pictures by split, in two cities; label ids (or train ids) by name, as they were written."""
    written = {}
    for place, (split, count) in enumerate(counts.items()):
        for number in range(count):
            city = ("aachen", "bochum")[number % 2]
            stem = f"{city}_{number:06d}_000019"
            photograph(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", size, 100 * place + number)
            generator = np.random.default_rng(number)
            known = EVALUATED_IDS if ending == "labelIds" else range(19)
            labels = generator.choice(np.array(known, np.uint8), size)
            labels[:3] = 3 if ending == "labelIds" else 255
            written[stem] = save(root / "gtFine" / split / city / f"{stem}_gtFine_{ending}.png", labels)
    return written


def kitti_road(root: Path, count: int, size: tuple[int, int] = (32, 64)) -> dict[str, np.ndarray]:
    """Pictures in three kinds of scenes; labels 0, 1 and 2 (not annotated) by name. Lanes and test pictures too."""
    written = {}
    for number in range(count):
        kind = ("um", "umm", "uu")[number % 3]
        name = f"{kind}_{number // 3:06d}"
        high = (size[0] + number % 2, size[1] - number % 3)
        photograph(root / "training" / "image_2" / f"{name}.png", high, number)
        labels = np.random.default_rng(number).integers(0, 3, high)
        save(root / "training" / "gt_image_2" / f"{kind}_road_{number // 3:06d}.png", KITTI_COLORS[labels])
        written[name] = labels
        if kind == "um":
            save(root / "training" / "gt_image_2" / f"um_lane_{number // 3:06d}.png", KITTI_COLORS[labels * 0])
    photograph(root / "testing" / "image_2" / "um_000000.png", size, 99)
    return written


def ecssd(root: Path, count: int, size: tuple[int, int] = (30, 40)) -> dict[str, np.ndarray]:
    """Pictures of two shapes; masks 0 and 255 by name."""
    written = {}
    for number in range(1, count + 1):
        shape = size if number % 2 else size[::-1]
        photograph(root / "images" / f"{number:04d}.jpg", shape, number)
        mask = np.zeros(shape, np.uint8)
        mask[number : shape[0] - 3, 4:20] = 255
        written[f"{number:04d}"] = save(root / "ground_truth_mask" / f"{number:04d}.png", mask)
    return written


def size_of(path: Path) -> tuple[int, int]:
    """Height and width of a picture."""
    with Image.open(path) as opened:
        return opened.height, opened.width
