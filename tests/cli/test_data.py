"""Training and evaluation on data sets as they are published."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.data import layouts
from tvm_bnn.models import config
from tvm_bnn.models.config import Width

TRAINING = ("--size", "64x64", "--batch", "2", "--steps", "2", "--threads", "1", "--format", "json")
LABELS_ALONE = "tests.training.coloured:two_classes"

FILL: dict[str, Callable[[Path], object]] = {
    "cityscapes": lambda root: layouts.cityscapes(root, {"train": 3, "val": 2}),
    "kitti-road": lambda root: layouts.kitti_road(root, 6),
    "ecssd": lambda root: layouts.ecssd(root, 6),
}
PICTURES = {"cityscapes": (3, 2), "kitti-road": (4, 2), "ecssd": (4, 2)}
OFFICIAL = {
    "cityscapes": ["miou", "pixel_accuracy", "majority_miou", "iou"],
    "kitti-road": ["max_f", "ap", "precision", "recall", "fpr", "fnr", "at_labels"],
    "ecssd": ["max_f", "mae", "at_labels"],
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.WIDTHS, "S", Width((8, 16, 16, 16), (1, 1, 1, 1)))


@pytest.mark.parametrize("name", FILL)
def test_trained_and_evaluated(cli: Cli, tmp_path: Path, name: str) -> None:
    FILL[name](tmp_path)
    data = ("--data", name, "--root", tmp_path)
    trained = cli("train", name, "-o", tmp_path / "run", *data, *TRAINING)
    assert trained.code == 0
    document = json.loads(trained.out)
    assert (document["training_pictures"], document["pictures"]) == PICTURES[name]
    assert (document["data"], document["split"], document["numerics"]) == (name, "val", "integer")
    checkpoint = tmp_path / "run" / "model.safetensors"
    evaluated = cli("evaluate", checkpoint, *data, "--threads", "1", "--format", "json")
    assert json.loads(evaluated.out)["metrics"] == document["metrics"]
    assert list(document["metrics"])[: len(OFFICIAL[name])] == OFFICIAL[name]
    assert not [number for number, value in document["metrics"].items() if value is None]
    assert "cue_accuracy" not in document["metrics"]
    everything = cli("evaluate", checkpoint, *data, "--split", "all", "--float", "--format", "json")
    assert json.loads(everything.out)["pictures"] == sum(PICTURES[name])
    table = cli("evaluate", checkpoint, *data, "--pictures", "1").out
    assert OFFICIAL[name][0] in table.splitlines()[1]


def test_labels_alone_have_no_max_f(cli: Cli, tmp_path: Path) -> None:
    layouts.kitti_road(tmp_path, 6)
    arguments = ("--data", "kitti-road", "--root", tmp_path, "--size", "64x64", "--threads", "1", "--format", "json")
    code, out, err = cli("evaluate", LABELS_ALONE, *arguments)
    metrics = json.loads(out)["metrics"]
    assert code == 0
    assert [metrics[name] for name in OFFICIAL["kitti-road"][:-1]] == [None] * 6
    assert 0 <= metrics["at_labels"]["f"] <= 1
    assert "without confidences there is no max_f" in err
    assert "bird's-eye view" in err


def test_presets_and_data_sets_must_agree(cli: Cli, tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 6)
    code, out, err = cli("train", "kitti-road", "-o", tmp_path / "run", "--data", "ecssd", "--root", tmp_path)
    assert (code, out) == (2, "")
    line, hint = err.splitlines()
    assert "expected a preset with the 2 classes of ecssd, got kitti-road" in line
    assert hint == "hint: tvm-bnn train ecssd --data ecssd"
    err = cli("evaluate", "kitti-road", "--data", "ecssd", "--root", tmp_path).err
    assert "expected the 2 classes of ecssd, got 2: background, road" in err


def unlabelled(root: Path) -> None:
    layouts.kitti_road(root, 6)
    for path in root.glob("training/gt_image_2/*_road_*"):
        layouts.save(path, np.zeros((*layouts.size_of(path), 3), np.uint8))


def renamed(root: Path) -> None:
    layouts.kitti_road(root, 6)
    (root / "training" / "gt_image_2" / "uu_road_000001.png").rename(root / "training" / "gt_image_2" / "uu_1.png")


def resized(root: Path) -> None:
    layouts.kitti_road(root, 6)
    layouts.save(root / "training" / "gt_image_2" / "um_road_000000.png", np.zeros((3, 4, 3), np.uint8))


def recolored(root: Path) -> None:
    layouts.kitti_road(root, 6)
    path = root / "training" / "gt_image_2" / "um_road_000000.png"
    layouts.save(path, np.full((*layouts.size_of(path), 3), 7, np.uint8))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda root: layouts.ecssd(root, 6), "--root: expected the folder training/image_2 of kitti-road"),
        (renamed, "expected labels for every picture, got none for 1 of 6, the first '"),
        (resized, "expected labels of the picture's size 32x64, got 3x4 in '"),
        (recolored, "or black, got (7, 7, 7) in '"),
        (unlabelled, "expected pictures with labels, got none with a labelled pixel"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    cli: Cli, tmp_path: Path, break_it: Callable[[Path], object], message: str
) -> None:
    break_it(tmp_path)
    arguments = ("--data", "kitti-road", "--root", tmp_path, "--size", "64x64", "--threads", "1")
    code, out, err = cli("evaluate", LABELS_ALONE, *arguments)
    assert (code, out) == (2, "")
    line, hint = err.splitlines()[-2:]
    assert message in line
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_no_root(cli: Cli, tmp_path: Path, command: str) -> None:
    model = ("ecssd", "-o", tmp_path / "run") if command == "train" else (LABELS_ALONE, "--size", "64x64")
    code, out, err = cli(command, *model, "--data", "ecssd")
    assert (code, out) == (2, "")
    assert "--root: expected the folder of ecssd, got none" in err
    assert "hint: unpack images.zip and ground_truth_mask.zip" in err
    assert not (tmp_path / "run").exists()
