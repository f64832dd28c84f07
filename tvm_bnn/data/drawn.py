"""Generated scenes as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.contract import Measure, Request, Sample, Size, Split
from tvm_bnn.data.picture import UInt8
from tvm_bnn.data.scenes import CUE_CLASSES, CUE_SIZES, SCENE_CLASSES, THIN_CLASSES, scenes
from tvm_bnn.data.variation import Variation
from tvm_bnn.errors import UsageError

_VALIDATION_SEED = 0
_USUAL_PICTURES = {"train": 2000, "val": 100}


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
        remark: what somebody who compares figures with published ones should know.

    Raises:
        UsageError: too small a size.
    """

    name: str = "scenes"
    usual_size: Size = (96, 192)
    remark: str | None = None
    classes: tuple[ClassInfo, ...] = SCENE_CLASSES
    measure: Measure = "iou"
    variation: Variation = Variation()
    thin_classes: tuple[str, ...] = THIN_CLASSES
    cue_classes: tuple[str, ...] = CUE_CLASSES
    cue_size_names: tuple[str, ...] = CUE_SIZES

    def __init__(self, split: Split, pictures: int, size: Size, seed: int) -> None:
        # None are drawn yet, but a size that is too small should be known at once.
        scenes(0, 0, size)
        self.size = size
        self._pictures = pictures
        self._seed = _VALIDATION_SEED if split == "val" else _VALIDATION_SEED + 1 + seed

    @classmethod
    def open(cls, request: Request) -> Self:
        """The scenes that were asked for.

        Raises:
            UsageError: a root, another split than train or val, or too small a size.
        """
        if request.root is not None:
            raise UsageError("--root: expected none, scenes are drawn and not read", "omit it")
        if request.split not in _USUAL_PICTURES:
            raise UsageError(f"--split: expected train or val of scenes, got {request.split}", "omit it")
        return cls(request.split, request.pictures or _USUAL_PICTURES[request.split], request.size, request.seed)

    def __len__(self) -> int:
        return self._pictures

    def sample(self, index: int) -> Sample:
        """A scene of ``size``."""
        pictures, labels, _ = self._drawn
        return Sample(pictures[index], labels[index])

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
    def _drawn(self) -> tuple[UInt8, UInt8, npt.NDArray[np.int8]]:
        return scenes(0, self._pictures, self.size, self._seed)
