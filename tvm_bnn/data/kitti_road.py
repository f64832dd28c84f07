"""The road benchmark of KITTI (Fritsch, Kuehnl and Geiger 2013) as its archive unpacks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tvm_bnn.data.classes import UNLABELLED
from tvm_bnn.data.contract import Split
from tvm_bnn.data.labelled_files import LabelledFiles, every_fifth
from tvm_bnn.data.pairs import Pair, matched, subfolder
from tvm_bnn.data.picture import UInt8, load_picture
from tvm_bnn.data.variation import Variation
from tvm_bnn.errors import UsageError
from tvm_bnn.models.presets import KITTI_ROAD_CLASSES

# Lanes are annotated in files of their own, um_lane_*.png, which are another task.
_PICTURE = re.compile(r"(umm|um|uu)_(\d+)\.png")
_LABELS = re.compile(r"(umm|um|uu)_road_(\d+)\.png")


class KittiRoad(LabelledFiles):
    """289 pictures of roads: urban marked (um), with several lanes (umm), unmarked (uu).

    There is no published split for validation: every fifth picture of the names in order is taken for it.
    """

    name = "kitti-road"
    classes = KITTI_ROAD_CLASSES
    measure = "road"
    variation = Variation(scale=(0.8, 1.6), brightness=0.3, contrast=0.3, saturation=0.3)
    usual_size = (384, 1248)
    remark = (
        "figures are of the picture's own perspective; KITTI ranks by the bird's-eye view of its test pictures, so "
        "they do not compare with its table"
    )
    layout = "training/image_2/{um,umm,uu}_*.png with training/gt_image_2/{um,umm,uu}_road_*.png"
    source = "data_road.zip from cvlibs.net/datasets/kitti"

    @classmethod
    def pairs(cls, root: Path, split: Split) -> list[Pair]:
        """In the order of their names."""
        pictures, labels = (
            subfolder(root, f"training/{place}", cls.name, cls.layout) for place in ("image_2", "gt_image_2")
        )
        found = matched(
            _by_key(pictures, _PICTURE), _by_key(labels, _LABELS), pictures, f"{labels}/{{um,umm,uu}}_road_*.png"
        )
        return every_fifth(found, split)

    def read_labels(self, path: Path) -> UInt8:
        """Red where the picture was annotated, blue beside it where there is road; nothing is green."""
        red, green, blue = np.moveaxis(load_picture(path), 2, 0)
        if green.any():
            row, column = np.argwhere(green)[0]
            color = tuple(int(channel[row, column]) for channel in (red, green, blue))
            raise UsageError(
                f"expected road in (255, 0, 255), the rest in (255, 0, 0) or black, got {color} in '{path}'",
                "give the files of gt_image_2",
            )
        return np.where(red > 0, (blue > 0).astype(np.uint8), np.uint8(UNLABELLED))


def _by_key(folder: Path, pattern: re.Pattern[str]) -> dict[str, Path]:
    names = ((pattern.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
    return {f"{name[1]}_{name[2]}": path for name, path in names if name is not None}
