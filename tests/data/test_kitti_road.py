from pathlib import Path

import numpy as np
import pytest

from tests.data import layouts
from tvm_bnn.data.contract import Request
from tvm_bnn.data.kitti_road import KittiRoad
from tvm_bnn.errors import UsageError
from tvm_bnn.models.presets import PRESETS

SIZE = (32, 64)


def opened(root: Path, split: str = "all") -> KittiRoad:
    return KittiRoad.open(Request(split, SIZE, root=root))  # type: ignore[arg-type]


def test_its_classes_are_those_of_the_preset() -> None:
    assert KittiRoad.classes == PRESETS["kitti-road"].classes


def test_colors_become_labels_and_lanes_are_left_out(tmp_path: Path) -> None:
    written = layouts.kitti_road(tmp_path, 7)
    data = opened(tmp_path)
    assert len(data) == 7
    for index, name in enumerate(sorted(written)):
        expected = np.where(written[name] == 2, 255, written[name])
        assert np.array_equal(data.sample(index).labels, expected)


def test_splits_share_no_picture_and_leave_none_out(tmp_path: Path) -> None:
    layouts.kitti_road(tmp_path, 11)
    train, val, every = (KittiRoad.pairs(tmp_path, split) for split in ("train", "val", "all"))
    assert len(val) == 3
    assert sorted(train + val) == every
    assert not set(train) & set(val)


def test_another_color(tmp_path: Path) -> None:
    layouts.kitti_road(tmp_path, 1)
    path = tmp_path / "training" / "gt_image_2" / "um_road_000000.png"
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[3, 4] = (128, 64, 128)
    layouts.save(path, pixels)
    with pytest.raises(UsageError, match=r"or black, got \(128, 64, 128\) in .*um_road_000000.png"):
        opened(tmp_path).sample(0)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (
            "gt_image_2/uu_road_000000.png",
            "expected labels for every picture, got none for 1 of 4, the first '.*uu_000000",
        ),
        (
            "image_2/umm_000000.png",
            "expected a picture for every label file, got none for 1 of 4, .*umm_road_000000.png",
        ),
    ],
)
def test_files_without_their_counterpart(tmp_path: Path, removed: str, message: str) -> None:
    layouts.kitti_road(tmp_path, 4)
    (tmp_path / "training" / removed).unlink()
    with pytest.raises(UsageError, match=message):
        opened(tmp_path)


def test_no_pictures_at_all(tmp_path: Path) -> None:
    for place in ("image_2", "gt_image_2"):
        (tmp_path / "training" / place).mkdir(parents=True)
    with pytest.raises(UsageError, match=r"expected pictures in .*image_2', got none"):
        opened(tmp_path)
