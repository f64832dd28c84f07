import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tvm_bnn.data.picture import load_picture
from tvm_bnn.deploy.runner import Runner


def test_a_photograph_in_an_overlay_out(cli: Cli, tiny_bundle: Path, photograph: Path, tmp_path: Path) -> None:
    code, out, err = cli("run", tiny_bundle, photograph, "-o", tmp_path / "out" / "overlay.png", "--format", "json")
    assert (code, err) == (0, "")
    (image,) = json.loads(out)["images"]
    assert (image["height"], image["width"]) == (600, 512)
    assert sum(image["classes"].values()) == pytest.approx(1)
    overlay = load_picture(tmp_path / "out" / "overlay.png")
    # The legend goes below.
    assert overlay.shape[1] == 512
    assert overlay.shape[0] > 600


def test_table_and_csv_tell_the_classes(cli: Cli, tiny_bundle: Path, photograph: Path, tmp_path: Path) -> None:
    arguments = ("run", tiny_bundle, photograph, "-o", tmp_path / "o.png")
    heading, line = cli(*arguments).out.splitlines()
    assert heading.split() == ["image", "overlay", "size", "network", "ms", "classes"]
    assert "600x512" in line
    (row,) = csv.DictReader(io.StringIO(cli(*arguments, "--format", "csv").out))
    assert (row["height"], row["width"]) == ("600", "512")
    assert "%" in row["classes"]


@pytest.mark.parametrize("trained", [True, False])
def test_untrained_weights_are_said_in_the_picture(
    cli: Cli, tiny_bundle: Path, photograph: Path, tmp_path: Path, trained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str | None] = []
    runner = Runner.load(tiny_bundle)
    runner.manifest = runner.manifest.model_copy(update={"trained": trained})
    monkeypatch.setattr(Runner, "load", lambda *_: runner)

    def overlay(image: np.ndarray, labels: np.ndarray, classes: object, note: str | None) -> Image.Image:
        notes.append(note)
        return Image.fromarray(image)

    monkeypatch.setattr("tvm_bnn.deploy.frames.overlay", overlay)
    assert cli("run", tiny_bundle, photograph, "-o", tmp_path / "o.png").code == 0
    assert notes == [None if trained else "untrained weights: the colours mean nothing"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    for name in ("a.png", "a.bmp", "b.JPG"):
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "c.png").mkdir()
    return folder


def test_a_folder_gives_a_folder_and_no_name_is_used_twice(
    cli: Cli, tiny_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    code, out, err = cli("run", tiny_bundle, folder, "-o", tmp_path / "out", "--format", "json")
    assert code == 0
    assert err.startswith("3 pictures in ")
    assert [Path(image["image"]).name for image in json.loads(out)["images"]] == ["a.bmp", "a.png", "b.JPG"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.bmp.png", "a.png.png", "b.png"]


def test_times_of_the_network_and_of_the_whole(cli: Cli, tiny_bundle: Path, folder: Path, tmp_path: Path) -> None:
    document = json.loads(cli("run", tiny_bundle, folder, "-o", tmp_path / "out", "--format", "json").out)
    timing, times = document["timing"], [image["network_ms"] for image in document["images"]]
    assert timing["pictures"] == 3
    assert timing["per_second"] == pytest.approx(3 / timing["seconds"])
    assert timing["network_ms"]["median"] == sorted(times)[1]
    assert min(times) <= timing["network_ms"]["p5"] < timing["network_ms"]["p95"] < timing["network_ms"]["p99"]


def test_a_folder_of_bad_pictures_alone(cli: Cli, tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.png").write_text("not a picture")
    code, out, _ = cli("run", tiny_bundle, tmp_path / "in", "-o", tmp_path / "out", "--format", "json")
    assert code == 2
    assert json.loads(out)["timing"]["network_ms"] is None


def test_long_runs_show_progress(
    cli: Cli, tiny_bundle: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tvm_bnn.cli.run._PLAIN_SECONDS", 0.0)
    err = cli("run", tiny_bundle, folder, "-o", tmp_path / "out").err
    assert err.splitlines()[:3] == [f"[{number}/3] pictures" for number in (1, 2, 3)]


def test_one_bad_picture_does_not_stop_the_others(cli: Cli, tiny_bundle: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "0.png").write_text("not a picture")
    code, out, err = cli("run", tiny_bundle, folder, "-o", tmp_path / "out", "--format", "json")
    assert code == 2
    assert len(json.loads(out)["images"]) == 3
    named, _, error, _ = err.splitlines()
    assert named.startswith(f"{folder / '0.png'}: expected a picture")
    assert error == "tvm-bnn: error: expected 4 pictures, got 1 that cannot be used"


def test_bad_pictures(cli: Cli, tiny_bundle: Path, tmp_path: Path, photograph: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "cut.jpg").write_bytes(photograph.read_bytes()[:5000])
    (tmp_path / "empty").mkdir()
    for name, message in {
        "nowhere.jpg": "expected a picture, got no file at",
        "text.jpg": "expected a picture, got a file of another kind",
        "cut.jpg": "expected a picture, got a damaged one",
        "empty": "expected pictures, got none in",
    }.items():
        code, out, err = cli("run", tiny_bundle, tmp_path / name, "-o", tmp_path / "o.png")
        assert (code, out) == (2, "")
        assert message in err.splitlines()[0]
        assert not (tmp_path / "o.png").exists()


def test_bad_outputs(cli: Cli, tiny_bundle: Path, folder: Path, photograph: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    for picture, output, message in (
        (photograph, "o.jpg", "expected a name that ends in .png"),
        (photograph, "folder.png", "expected a file to write, got a folder"),
        (folder, "file", "expected a folder, got a file"),
    ):
        code, _, err = cli("run", tiny_bundle, picture, "-o", tmp_path / output)
        assert code == 2
        assert message in err


def test_bad_bundles(cli: Cli, tiny_bundle: Path, photograph: Path, tmp_path: Path) -> None:
    assert "expected a bundle" in cli("run", tmp_path, photograph, "-o", tmp_path / "o.png").err
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    (bundle / "model.so").write_bytes(b"changed")
    code, _, err = cli("run", bundle, photograph, "-o", tmp_path / "o.png")
    assert code == 2
    assert "model.so: expected" in err
