"""ECSSD (Shi, Yan, Xu and Jia 2016), pictures with one salient object each, as its archives unpack."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tvm_bnn.data.contract import Split
from tvm_bnn.data.labelled_files import LabelledFiles, every_fifth
from tvm_bnn.data.pairs import Pair, matched, subfolder
from tvm_bnn.data.picture import UInt8, load_picture
from tvm_bnn.data.variation import Variation
from tvm_bnn.models.presets import ECSSD_CLASSES


class Ecssd(LabelledFiles):
    """1000 pictures of many sizes with masks.

    There is no published split: every fifth picture of the names in order is taken for validation. Others train on
    another data set and measure on all of it.
    """

    name = "ecssd"
    classes = ECSSD_CLASSES
    measure = "saliency"
    variation = Variation(scale=(0.8, 1.4), brightness=0.3, contrast=0.3, saturation=0.3)
    usual_size = (320, 320)
    remark = "ECSSD has no split of its own: --split all measures all of it, with a network that was not trained on it"
    layout = "images/*.jpg with ground_truth_mask/*.png"
    source = "images.zip and ground_truth_mask.zip of ECSSD"

    @classmethod
    def pairs(cls, root: Path, split: Split) -> list[Pair]:
        """In the order of their names."""
        pictures, masks = (subfolder(root, place, cls.name, cls.layout) for place in ("images", "ground_truth_mask"))
        found = matched(_by_stem(pictures, ".jpg"), _by_stem(masks, ".png"), pictures, f"{masks}/*.png")
        return every_fifth(found, split)

    def read_labels(self, path: Path) -> UInt8:
        """1 where the mask is nearer to white than to black."""
        return (load_picture(path)[:, :, 0] >= 128).astype(np.uint8)


def _by_stem(folder: Path, suffix: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() == suffix}
