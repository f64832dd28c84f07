from pathlib import Path

import numpy as np
import pytest

from tests.data import layouts
from tvm_bnn.data.cityscapes import EVALUATED_IDS, Cityscapes
from tvm_bnn.data.contract import Request
from tvm_bnn.errors import UsageError
from tvm_bnn.models.presets import CITYSCAPES_CLASSES, PRESETS

SIZE = (32, 64)

# Name by name as the data set's paper lists them, so that two lists in one order cannot hide a mistake.
IDS_BY_NAME = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}


def opened(root: Path, split: str = "val") -> Cityscapes:
    return Cityscapes.open(Request(split, SIZE, root=root))  # type: ignore[arg-type]


def test_its_classes_are_those_of_the_preset() -> None:
    assert Cityscapes.classes == PRESETS["cityscapes"].classes == CITYSCAPES_CLASSES
    assert {entry.name: EVALUATED_IDS[label] for label, entry in enumerate(CITYSCAPES_CLASSES)} == IDS_BY_NAME


def test_label_ids_become_train_ids(tmp_path: Path) -> None:
    written = layouts.cityscapes(tmp_path, {"train": 3, "val": 2})
    data = opened(tmp_path)
    assert len(data) == 2
    assert [len(opened(tmp_path, split)) for split in ("train", "all")] == [3, 5]
    stored = written["aachen_000000_000019"]
    labels = data.sample(0).labels
    assert set(np.unique(labels)) == {*range(19), 255}
    assert all(
        labels[place] == EVALUATED_IDS.index(stored[place]) for place in np.ndindex(stored.shape) if place[0] > 2
    )
    assert set(labels[:3].ravel()) == {255}


def test_every_label_id_that_is_published_has_a_label(tmp_path: Path) -> None:
    layouts.cityscapes(tmp_path, {"val": 1}, (1, 35))
    path = next(tmp_path.glob("gtFine/val/*/*"))
    layouts.save(path, np.array([[*range(34), 255]], np.uint8))
    labels = opened(tmp_path).sample(0).labels[0].tolist()
    assert [(number, label) for number, label in enumerate(labels) if label != 255] == [
        (number, label) for label, number in enumerate(EVALUATED_IDS)
    ]


def test_train_ids_are_taken_as_they_are_and_label_ids_come_first(tmp_path: Path) -> None:
    trained = layouts.cityscapes(tmp_path, {"val": 1}, ending="labelTrainIds")
    assert np.array_equal(opened(tmp_path).sample(0).labels, trained["aachen_000000_000019"])
    layouts.cityscapes(tmp_path, {"val": 1})
    path = next(tmp_path.glob("gtFine/val/*/*_labelTrainIds.png"))
    layouts.save(path, np.full(SIZE, 200, np.uint8))
    assert opened(tmp_path).sample(0).labels.max() == 255


@pytest.mark.parametrize(
    ("ending", "bad", "message"),
    [
        ("labelIds", 34, r"expected label ids of 0\.\.33 or 255, got 34 in"),
        ("labelTrainIds", 19, r"expected train ids of 0\.\.18 or 255, got 19 in"),
    ],
)
def test_an_unknown_id(tmp_path: Path, ending: str, bad: int, message: str) -> None:
    layouts.cityscapes(tmp_path, {"val": 1}, ending=ending)
    path = next(tmp_path.glob("gtFine/val/*/*"))
    layouts.save(path, np.full(SIZE, bad, np.uint8))
    with pytest.raises(UsageError, match=message) as caught:
        opened(tmp_path).sample(0)
    assert str(path) in caught.value.message


def test_another_layout(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 2)
    with pytest.raises(UsageError, match="--root: expected the folder leftImg8bit/val of cityscapes in") as caught:
        opened(tmp_path)
    assert "gtFine/{train,val}/CITY" in str(caught.value.hint)


def test_a_picture_without_labels(tmp_path: Path) -> None:
    layouts.cityscapes(tmp_path, {"val": 3})
    next(tmp_path.glob("gtFine/val/bochum/*")).unlink()
    with pytest.raises(
        UsageError, match=r"expected labels for every picture, got none for 1 of 3, the first '.*bochum"
    ):
        opened(tmp_path)
