"""Generated scenes as data sets: one generator, seen with the classes of each preset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.contract import Measure, Request, Sample, Size, Split
from tvm_bnn.data.painters import Painters
from tvm_bnn.data.scenes import CUE_CLASSES, CUE_SIZES, DRAWERS, SCENE_CLASSES, THIN_CLASSES, check_size, cue
from tvm_bnn.data.scenes.vocabulary import Label
from tvm_bnn.data.shelf import Shelf
from tvm_bnn.data.variation import Variation
from tvm_bnn.errors import UsageError
from tvm_bnn.models.presets import CITYSCAPES_CLASSES, ECSSD_CLASSES, KITTI_ROAD_CLASSES

_VALIDATION_SEED = 0
_USUAL_PICTURES = {"train": 2000, "val": 100}

_ON_THE_ROAD = (int(Label.LANE_MARKING), int(Label.STOP_ZONE), int(Label.GO_ZONE))

KEPT_BYTES = 3 * 2**27
"""Of the pictures of one set; 2000 of 128x256 are less."""


class Scenes:
    """Generated street scenes, each drawn when it is first asked for and kept while there is room.

    Splits have seeds of their own, so that no scene is in both: validation is the same whatever the seed.

    Args:
        split: train or val.
        pictures: how many.
        size: (H, W).
        seed: of the scenes to train on.

    Attributes:
        usual_size: (H, W) unless the user says otherwise.
        remark: what somebody who compares figures with published ones should know.
        kind: of scene that is drawn.
        relabelled: the labels of this set by those that are drawn, where they differ.

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
    kind: ClassVar[str] = "street"
    relabelled: ClassVar[Mapping[int, int]] = {}

    def __init__(self, split: Split, pictures: int, size: Size, seed: int) -> None:
        check_size(size)
        self.size = size
        self._pictures = pictures
        self._seed = _VALIDATION_SEED if split == "val" else _VALIDATION_SEED + 1 + seed
        self._shelf = Shelf(KEPT_BYTES)
        self._painters: Painters | None = None
        self._table = np.array([self.relabelled.get(label, label) for label in range(256)], np.uint8)

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
        """A scene of ``size``; any thread may ask for it."""
        kept = self._shelf.get(index)
        if kept is None:
            kept = self._draw(index)
            self._shelf.put(index, kept)
        return kept

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures uint8 [n, 3, H, W] and labels int64 [n, H, W]."""
        samples = [self.sample(index) for index in indices]
        pictures = np.stack([one.picture for one in samples]).transpose(0, 3, 1, 2)
        labels = np.stack([one.labels for one in samples])
        return torch.from_numpy(np.ascontiguousarray(pictures)), torch.from_numpy(labels.astype(np.int64))

    def cue_sizes(self, indices: Sequence[int]) -> npt.NDArray[np.int8]:
        """Sizes of the cues [n]; -1 where the classes of this set know none."""
        return np.array([cue(index, self.size, self._seed) if self.cue_classes else -1 for index in indices], np.int8)

    @contextmanager
    def drawn_elsewhere(self, processes: int) -> Iterator[None]:
        """Meanwhile pictures are drawn by so many other processes, for as many threads at a time."""
        self._painters = Painters(processes)
        try:
            yield
        finally:
            painters, self._painters = self._painters, None
            painters.end()

    def _draw(self, index: int) -> Sample:
        painters = self._painters
        if painters is None:
            picture, labels = DRAWERS[self.kind](index, self.size, self._seed)
        else:
            picture, labels = painters.draw(self.kind, index, self.size, self._seed)
        return Sample(picture, np.take(self._table, labels))


class _WithoutCues(Scenes):
    """Scenes with the classes of a preset, among which there is no zone that a traffic light would decide."""

    thin_classes: tuple[str, ...] = ()
    cue_classes = ()
    cue_size_names = ()


class ScenesCityscapes(_WithoutCues):
    """Streets with the 19 classes of Cityscapes; what lies on the road is road."""

    name = "scenes-cityscapes"
    usual_size = (128, 256)
    classes = CITYSCAPES_CLASSES
    thin_classes = tuple(name for name in THIN_CLASSES if name != "lane marking")
    relabelled = dict.fromkeys(_ON_THE_ROAD, int(Label.ROAD))


class ScenesKittiRoad(_WithoutCues):
    """Streets of which only the road, with what lies on it, is told from the rest."""

    name = "scenes-kitti-road"
    usual_size = (96, 320)
    remark = "figures are of drawn streets, and do not compare with those of KITTI"
    classes = KITTI_ROAD_CLASSES
    measure = "road"
    relabelled = dict.fromkeys(map(int, Label), 0) | dict.fromkeys((*_ON_THE_ROAD, int(Label.ROAD)), 1)


class ScenesEcssd(_WithoutCues):
    """Scenes with one large thing in front of others, and nothing else of interest."""

    name = "scenes-ecssd"
    usual_size = (160, 160)
    remark = "figures are of drawn scenes, and do not compare with those of ECSSD"
    classes = ECSSD_CLASSES
    measure = "saliency"
    kind = "salient"
