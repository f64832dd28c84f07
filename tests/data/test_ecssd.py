from pathlib import Path

import numpy as np
import pytest

from tests.data import layouts
from tvm_bnn.data.contract import Request
from tvm_bnn.data.ecssd import Ecssd
from tvm_bnn.errors import UsageError
from tvm_bnn.models.presets import PRESETS


def opened(root: Path, split: str = "all") -> Ecssd:
    return Ecssd.open(Request(split, (32, 32), root=root))  # type: ignore[arg-type]


def test_its_classes_are_those_of_the_preset() -> None:
    assert Ecssd.classes == PRESETS["ecssd"].classes


def test_masks_become_labels(tmp_path: Path) -> None:
    written = layouts.ecssd(tmp_path, 6)
    data = opened(tmp_path)
    for index, name in enumerate(sorted(written)):
        assert np.array_equal(data.sample(index).labels, written[name] // 255)
    assert [len(opened(tmp_path, split)) for split in ("train", "val")] == [4, 2]


def test_grey_counts_as_what_it_is_nearer_to(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 1, (1, 4))
    layouts.save(tmp_path / "ground_truth_mask" / "0001.png", np.array([[0, 127, 128, 255]], np.uint8))
    assert opened(tmp_path).sample(0).labels.tolist() == [[0, 0, 1, 1]]


def test_another_layout(tmp_path: Path) -> None:
    layouts.kitti_road(tmp_path, 1)
    with pytest.raises(UsageError, match="expected the folder images of ecssd"):
        opened(tmp_path)
