"""The sets of data that networks are trained and measured on, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.scenes import CUE_CLASSES, CUE_SIZES, SCENE_CLASSES, THIN_CLASSES, scenes
from tvm_bnn.errors import UsageError, closest

Split = Literal["train", "val"]
Size = tuple[int, int]

_VALIDATION_SEED = 0


class DataSet(Protocol):
    """Labelled pictures of one split.

    Attributes:
        classes: by label.
        thin_classes: names of those that cover few pixels across.
        cue_classes: names of those that look alike where they are, and that only a cue elsewhere tells apart.
        cue_size_names: how large such a cue may be.
    """

    classes: tuple[ClassInfo, ...]
    thin_classes: tuple[str, ...]
    cue_classes: tuple[str, ...]
    cue_size_names: tuple[str, ...]

    def __len__(self) -> int:
        """Number of pictures."""

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures uint8 [n, 3, H, W] in RGB and their labels int64 [n, H, W], 255 where there is none."""

    def cue_sizes(self, indices: Sequence[int]) -> npt.NDArray[np.int8]:
        """Of every picture [n]: the place of its cue's size in ``cue_size_names``, or another number without a cue."""


class Scenes:
    """Generated street scenes, drawn once when first used and kept in memory.

    Splits have seeds of their own, so that no scene is in both: validation is the same whatever the seed.

    Args:
        split: train or val.
        pictures: how many.
        size: (H, W).
        seed: of the scenes to train on.

    Attributes:
        usual_size: (H, W) unless the user says otherwise.

    Raises:
        UsageError: too small a size.
    """

    usual_size: Size = (96, 192)
    classes: tuple[ClassInfo, ...] = SCENE_CLASSES
    thin_classes: tuple[str, ...] = THIN_CLASSES
    cue_classes: tuple[str, ...] = CUE_CLASSES
    cue_size_names: tuple[str, ...] = CUE_SIZES

    def __init__(self, split: Split, pictures: int, size: Size, seed: int) -> None:
        # None are drawn yet, but a size that is too small should be known at once.
        scenes(0, 0, size)
        self._pictures = pictures
        self._size = size
        self._seed = _VALIDATION_SEED if split == "val" else _VALIDATION_SEED + 1 + seed

    def __len__(self) -> int:
        return self._pictures

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures uint8 [n, 3, H, W] and labels int64 [n, H, W]."""
        chosen = list(indices)
        pictures, labels, _ = self._drawn
        channels_first = np.ascontiguousarray(pictures[chosen].transpose(0, 3, 1, 2))
        return torch.from_numpy(channels_first), torch.from_numpy(labels[chosen].astype(np.int64))

    def cue_sizes(self, indices: Sequence[int]) -> npt.NDArray[np.int8]:
        """Sizes of the cues [n]."""
        return self._drawn[2][list(indices)]

    @cached_property
    def _drawn(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
        return scenes(0, self._pictures, self._size, self._seed)


DATA_SETS = {"scenes": Scenes}
"""Every data set by name."""


def find(name: str) -> type[Scenes]:
    """The data set of a name, whose classes can be asked for before any picture is read.

    Raises:
        UsageError: unknown name, with the closest.
    """
    if name not in DATA_SETS:
        raise UsageError(f"--data: expected the name of a data set, got '{name}'", closest(name, DATA_SETS))
    return DATA_SETS[name]
