"""Data sets in folders of picture files and label files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.contract import Measure, Request, Sample, Size, Split
from tvm_bnn.data.pairs import Pair, spread
from tvm_bnn.data.picture import UInt8, labels_to_size, load_picture, resize_to
from tvm_bnn.data.variation import Variation
from tvm_bnn.errors import UsageError

_VALIDATION_STRIDE = 5


class LabelledFiles(ABC):
    """Pictures that are read whenever they are asked for.

    Args:
        pairs: of files.
        size: (H, W) that a network takes.

    Attributes:
        usual_size: (H, W) unless the user says otherwise.
        remark: what somebody who compares figures with published ones should know.
        layout: of the folders, for messages.
        source: where the files are published, for messages.
    """

    name: str
    classes: tuple[ClassInfo, ...]
    measure: Measure
    variation: Variation
    usual_size: Size
    remark: str | None = None
    layout: str
    source: str
    thin_classes: tuple[str, ...] = ()
    cue_classes: tuple[str, ...] = ()
    cue_size_names: tuple[str, ...] = ()

    def __init__(self, pairs: Sequence[Pair], size: Size) -> None:
        self.size = size
        self._pairs = tuple(pairs)

    @classmethod
    def open(cls, request: Request) -> Self:
        """Look for the files; of fewer than all pictures, those evenly spread over them.

        Raises:
            UsageError: no root, another layout, files without their counterpart, or a split without pictures or
                labels.
        """
        if request.root is None:
            raise UsageError(
                f"--root: expected the folder of {cls.name}, got none",
                f"unpack {cls.source} and name the folder: {cls.layout}",
            )
        if not request.root.is_dir():
            raise UsageError(f"--root: expected a folder, got none at '{request.root}'", "check the path")
        if request.split == "test":
            raise UsageError(
                f"--split: expected pictures with labels, got test: those of {cls.name} are not published",
                "choose from: train, val, all",
            )
        found = cls.pairs(request.root, request.split)
        if not found:
            raise UsageError(
                f"--root: expected pictures of {cls.name} for {request.split}, got none in '{request.root}'",
                "--split all takes every picture",
            )
        return cls(spread(found, request.pictures), request.size)

    @classmethod
    @abstractmethod
    def pairs(cls, root: Path, split: Split) -> list[Pair]:
        """The files of train, val, or all.

        Raises:
            UsageError: another layout, or files without their counterpart.
        """

    @abstractmethod
    def read_labels(self, path: Path) -> UInt8:
        """Labels uint8 [h, w] from a file.

        Raises:
            UsageError: a damaged file, or one with something that is no label.
        """

    def __len__(self) -> int:
        return len(self._pairs)

    def sample(self, index: int) -> Sample:
        """A picture and its labels as they were published.

        Raises:
            UsageError: damaged files, or labels of another size than the picture's.
        """
        pair = self._pairs[index]
        found = Sample(load_picture(pair.picture), self.read_labels(pair.labels))
        wanted, got = found.picture.shape[:2], found.labels.shape
        if wanted != got:
            raise UsageError(
                f"expected labels of the picture's size {wanted[0]}x{wanted[1]}, got {got[0]}x{got[1]} in "
                f"'{pair.labels}'",
                f"its picture is '{pair.picture}'",
            )
        return found

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures uint8 [n, 3, H, W] and labels int64 [n, H, W]."""
        samples = [self.sample(index) for index in indices]
        pictures = np.stack([resize_to(one.picture, self.size) for one in samples])
        labels = np.stack([labels_to_size(one.labels, self.size) for one in samples])
        channels_first = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
        return torch.from_numpy(channels_first), torch.from_numpy(labels.astype(np.int64))

    def cue_sizes(self, indices: Sequence[int]) -> npt.NDArray[np.int8]:
        """No picture has a cue."""
        return np.full(len(indices), -1, np.int8)


def every_fifth(pairs: Sequence[Pair], split: Split) -> list[Pair]:
    """The split of a data set that has none of its own: every fifth pair is for validation."""
    if split == "all":
        return list(pairs)
    return [pair for place, pair in enumerate(pairs) if (place % _VALIDATION_STRIDE == 0) == (split == "val")]
