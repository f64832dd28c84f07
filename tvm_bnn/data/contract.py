"""What is asked of a set of data, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.picture import UInt8
from tvm_bnn.data.variation import Variation

Split = Literal["train", "val", "all", "test"]
Measure = Literal["iou", "road", "saliency"]
Size = tuple[int, int]


class Sample(NamedTuple):
    """One picture and what its pixels are.

    Attributes:
        picture: uint8 [h, w, 3] in RGB.
        labels: uint8 [h, w], 255 where there is none.
    """

    picture: UInt8
    labels: UInt8


@dataclass(frozen=True)
class Request:
    """The pictures that a user asked for.

    Attributes:
        split: train, val, all of both, or test.
        size: (H, W) that a network takes.
        pictures: how many; None leaves it to the data set.
        seed: of pictures that are drawn.
        root: folder that the user unpacked the data set into.
    """

    split: Split
    size: Size
    pictures: int | None = None
    seed: int = 0
    root: Path | None = None


class DataSet(Protocol):
    """Labelled pictures of one split.

    Attributes:
        name: of the data set.
        classes: by label.
        measure: what it is officially measured by, beside IoU.
        variation: how far training may change its pictures.
        thin_classes: names of those that cover few pixels across.
        cue_classes: names of those that look alike where they are, and that only a cue elsewhere tells apart.
        cue_size_names: how large such a cue may be.
        size: (H, W) that a network takes.
    """

    name: str
    classes: tuple[ClassInfo, ...]
    measure: Measure
    variation: Variation
    thin_classes: tuple[str, ...]
    cue_classes: tuple[str, ...]
    cue_size_names: tuple[str, ...]
    size: Size

    def __len__(self) -> int:
        """Number of pictures."""

    def sample(self, index: int) -> Sample:
        """A picture and its labels, of a size of their own; not to be written to."""

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures uint8 [n, 3, H, W] and labels int64 [n, H, W], brought to ``size``."""

    def cue_sizes(self, indices: Sequence[int]) -> npt.NDArray[np.int8]:
        """Of every picture [n]: the place of its cue's size in ``cue_size_names``, or another number without a cue."""
