"""Cityscapes (Cordts et al. 2016) as its archives unpack."""

from __future__ import annotations

from pathlib import Path

from tvm_bnn.data.classes import UNLABELLED
from tvm_bnn.data.contract import Split
from tvm_bnn.data.label_files import load_indices, translated
from tvm_bnn.data.labelled_files import LabelledFiles
from tvm_bnn.data.pairs import Pair, matched, subfolder
from tvm_bnn.data.picture import UInt8
from tvm_bnn.data.variation import Variation
from tvm_bnn.models.presets import CITYSCAPES_CLASSES

EVALUATED_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Label ids of the classes that are evaluated, by train id."""

_LAST_ID = 33
_PICTURES = "_leftImg8bit.png"
_LABELS = ("_gtFine_labelTrainIds.png", "_gtFine_labelIds.png")

# 255 stands for the id -1 of licence plates in a byte, and for no label among train ids.
_TRAIN_IDS = {label: label for label in (*range(len(CITYSCAPES_CLASSES)), UNLABELLED)}
_LABEL_IDS = dict.fromkeys((*range(_LAST_ID + 1), UNLABELLED), UNLABELLED) | {
    number: label for label, number in enumerate(EVALUATED_IDS)
}


class Cityscapes(LabelledFiles):
    """Street scenes of 1024x2048, 2975 to train on and 500 to validate on, with 19 evaluated classes.

    Label files hold label ids or train ids; where a picture has both, label ids, which are published, are read.
    """

    name = "cityscapes"
    classes = CITYSCAPES_CLASSES
    measure = "iou"
    variation = Variation(scale=(0.75, 2.0), brightness=0.3, contrast=0.3, saturation=0.3)
    usual_size = (512, 1024)
    layout = (
        "leftImg8bit/{train,val}/CITY/*_leftImg8bit.png with gtFine/{train,val}/CITY/*_gtFine_labelIds.png "
        "(or *_gtFine_labelTrainIds.png)"
    )
    source = "leftImg8bit_trainvaltest and gtFine_trainvaltest from cityscapes-dataset.com"

    @classmethod
    def pairs(cls, root: Path, split: Split) -> list[Pair]:
        """City by city."""
        if split == "all":
            return cls.pairs(root, "train") + cls.pairs(root, "val")
        pictures, labels = (
            subfolder(root, f"{place}/{split}", cls.name, cls.layout) for place in ("leftImg8bit", "gtFine")
        )
        # The later of two endings wins.
        files = {key: path for ending in _LABELS for key, path in _by_key(labels, ending).items()}
        return matched(_by_key(pictures, _PICTURES), files, pictures, f"{labels}/CITY/*{_LABELS[-1]}")

    def read_labels(self, path: Path) -> UInt8:
        """Train ids."""
        if path.name.endswith(_LABELS[-1]):
            return translated(load_indices(path), _LABEL_IDS, path, f"label ids of 0..{_LAST_ID} or 255")
        return translated(load_indices(path), _TRAIN_IDS, path, "train ids of 0..18 or 255")


def _by_key(folder: Path, ending: str) -> dict[str, Path]:
    return {
        f"{path.parent.name}/{path.name.removesuffix(ending)}": path for path in sorted(folder.glob(f"*/*{ending}"))
    }
