import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.tiny import MODEL
from tvm_bnn.cli import evaluate
from tvm_bnn.data import datasets
from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.contract import Sample
from tvm_bnn.data.datasets import Scenes, Size, Split
from tvm_bnn.data.scenes import SCENE_CLASSES, scenes
from tvm_bnn.models import config
from tvm_bnn.models.checkpoint import save_checkpoint
from tvm_bnn.models.config import SegmentationConfig, Width
from tvm_bnn.models.segmentation import SegmentationNet

SIZE = (64, 64)
FLAGS = ("--pictures", "3", "--threads", "1")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.WIDTHS, "S", Width((8, 16, 16, 16), (1, 1, 1, 1)))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = SegmentationNet(SegmentationConfig("small", SCENE_CLASSES, SIZE))
    save_checkpoint(tmp_path / "net.safetensors", network, Scenes("train", 2, SIZE, 0).batch(range(2))[0])
    return tmp_path / "net.safetensors"


def test_a_checkpoint(cli: Cli, checkpoint: Path) -> None:
    code, out, err = cli("evaluate", checkpoint, *FLAGS, "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert err == "evaluating net 64x64 in integers, pictures of scenes: 3\n"
    names = ["schema_version", "model", "data", "split", "input_size", "pictures", "numerics", "metrics"]
    assert list(document) == names
    metrics = document.pop("metrics")
    assert document == {
        "schema_version": 1,
        "model": "net",
        "data": "scenes",
        "split": "val",
        "input_size": [64, 64],
        "pictures": 3,
        "numerics": "integer",
    }
    assert list(metrics["iou"]) == [entry.name for entry in SCENE_CLASSES]
    assert list(metrics["cue_accuracy_by_size"]) == ["small", "medium", "large"]
    assert 0 <= metrics["miou"] <= 1
    assert 0 < metrics["majority_miou"] < 0.2


def test_in_floating_point_and_at_another_size(cli: Cli, checkpoint: Path) -> None:
    document = json.loads(cli("evaluate", checkpoint, *FLAGS, "--float", "--size", "96x64", "--format", "json").out)
    assert (document["numerics"], document["input_size"]) == ("float", [96, 64])


def test_table_and_csv(cli: Cli, checkpoint: Path) -> None:
    table = cli("evaluate", checkpoint, *FLAGS)
    assert "%" in table.out.splitlines()[1]
    rows = list(csv.DictReader(io.StringIO(cli("evaluate", checkpoint, *FLAGS, "--format", "csv").out)))
    assert [row["metric"] for row in rows[:3]] == ["miou", "pixel_accuracy", "majority_miou"]
    assert 0 <= float(rows[0]["value"]) <= 1


class ThreeClasses(Scenes):
    """Scenes of which a network of three classes can be evaluated, at any size."""

    name = "three"
    classes = tuple(ClassInfo(name, (0, 0, 0)) for name in ("a", "b", "c"))
    thin_classes = ("c",)
    cue_classes = ("a", "b")

    def __init__(self, split: Split, pictures: int, size: Size, seed: int) -> None:
        super().__init__(split, pictures, SIZE, seed)
        self.size = size

    def sample(self, index: int) -> Sample:
        picture, labels, _ = scenes(index, 1, SIZE)
        height, width = self.size
        return Sample(picture[0, :height, :width], labels[0, :height, :width] % 3)


def test_a_bundle_is_as_good_as_its_integers(cli: Cli, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(datasets.DATA_SETS, "three", ThreeClasses)
    arguments = ("--data", "three", "--pictures", "10", "--threads", "1", "--format", "json")
    bundle, integer = (json.loads(cli("evaluate", model, *arguments).out) for model in (tiny_bundle, MODEL))
    assert (bundle["numerics"], integer["numerics"]) == ("bundle", "integer")
    assert bundle["metrics"] == integer["metrics"]
    assert bundle["metrics"]["cue_accuracy"] is not None


def test_refused(cli: Cli, checkpoint: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(tiny_bundle, tmp_path / "damaged"))
    (damaged / "model.so").write_bytes(b"changed")
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((checkpoint, "--data", "scene"), "got 'scene'"),
        ((checkpoint, "--root", tmp_path), "--root: expected none, scenes are drawn"),
        ((checkpoint, "--split", "test"), "--split: expected train or val of scenes, got test"),
        ((checkpoint, "--data", "ecssd"), "expected the 2 classes of ecssd, got 22: road, sidewalk, "),
        ((checkpoint, "--size", "big"), "expected HxW, got 'big'"),
        ((checkpoint, "--size", "65x64"), "expected multiples of 32, got 65x64"),
        ((checkpoint, "--pictures", "0"), "--pictures: expected 1 or more, got 0"),
        ((MODEL, "--float"), "--float: expected a checkpoint"),
        ((MODEL,), "expected the 22 classes of scenes, got 3: class 0, class 1, class 2"),
        ((tiny_bundle,), "expected the 22 classes of scenes, got 3"),
        (("kitti-road",), "expected the 22 classes of scenes, got 2: background, road"),
        ((tiny_bundle, "--size", "64x64"), "the size that the bundle was compiled for"),
        ((damaged,), "model.so: expected"),
        ((tmp_path / "empty",), "expected a bundle"),
        (("nowhere.safetensors",), "no file at"),
        ((), "Missing argument"),
    ):
        code, out, err = cli("evaluate", *arguments)
        assert (code, out) == (2, "")
        line, hint = err.splitlines()[-2:]
        assert message in line
        assert hint.startswith("hint: ")


def test_long_evaluations_give_signs_of_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter((0.0, 5.0, 12.0, 12.0, 15.0, 30.0, 30.0))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    told = evaluate._counting(40)
    for done in (8, 16, 24, 32):
        told(done)
    assert capsys.readouterr().err.splitlines() == ["[16/40] pictures evaluated", "[32/40] pictures evaluated"]
