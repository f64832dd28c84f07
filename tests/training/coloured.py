"""A data set that a tiny network learns in a few steps: the label of a pixel is its colour."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tvm_bnn.data.classes import UNLABELLED, ClassInfo
from tvm_bnn.data.contract import Measure, Sample, Size
from tvm_bnn.data.variation import Variation
from tvm_bnn.models.config import SegmentationConfig, Width
from tvm_bnn.models.segmentation import SegmentationNet

WIDTH = Width((8, 16, 16, 16), (1, 1, 1, 1))
SIZE = (64, 64)
COLORS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))
CLASSES = tuple(ClassInfo(name, color) for name, color in zip(("red", "green", "blue"), COLORS, strict=True))
CONFIG = SegmentationConfig("small", CLASSES, SIZE)


class Coloured:
    """Pictures in two halves of different colours, with some noise; a few pixels have no label."""

    name: str = "coloured"
    size: Size = SIZE
    measure: Measure = "iou"
    variation: Variation = Variation()
    classes: tuple[ClassInfo, ...] = CLASSES
    thin_classes: tuple[str, ...] = ("blue",)
    cue_classes: tuple[str, ...] = ("red", "green")
    cue_size_names: tuple[str, ...] = ("small", "large")

    def __init__(self, count: int) -> None:
        generator = np.random.default_rng(count)
        height, width = SIZE
        self.labels = np.repeat(generator.integers(0, 3, (count, 1, 2)), height, 1).repeat(width // 2, 2)
        noise = generator.integers(-20, 21, (count, height, width, 3))
        self.pictures = (np.array(COLORS)[self.labels] + noise).astype(np.uint8)
        self.labels[:, :2] = UNLABELLED

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, index: int) -> Sample:
        return Sample(self.pictures[index], self.labels[index].astype(np.uint8))

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        chosen = list(indices)
        return torch.from_numpy(self.pictures[chosen].transpose(0, 3, 1, 2)), torch.from_numpy(self.labels[chosen])

    def cue_sizes(self, indices: Sequence[int]) -> np.ndarray:
        # The first picture has a small cue, the second a large one, the others have none.
        return np.array([index if index < 2 else -1 for index in indices], np.int8)


def two_classes() -> SegmentationNet:
    """Labels without names: what ``package.module:factory`` gives."""
    return SegmentationNet(dataclasses.replace(CONFIG, classes=CLASSES[:2])).eval()
