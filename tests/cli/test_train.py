import csv
import json
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from tests.cli.conftest import Cli
from tvm_bnn.cli import train
from tvm_bnn.data.datasets import DATA_SETS, Scenes, Size, Split
from tvm_bnn.data.scenes import SCENE_CLASSES
from tvm_bnn.models import config
from tvm_bnn.models.checkpoint import load_checkpoint
from tvm_bnn.models.config import Width
from tvm_bnn.training.loop import StepDone, Trainer
from tvm_bnn.training.metrics import Metrics

FLAGS = ("--size", "64x64", "--pictures", "4", "--batch", "2", "--steps", "4", "--threads", "1")
METRICS = Metrics(0.5, 0.6, 0.1, {}, None, None, None, {})


class FewScenes(Scenes):
    """Scenes, but not so many to validate on."""

    def __init__(self, split: Split, pictures: int, size: Size, seed: int) -> None:
        super().__init__(split, min(pictures, 8), size, seed)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.WIDTHS, "S", Width((8, 16, 16, 16), (1, 1, 1, 1)))
    monkeypatch.setitem(DATA_SETS, "scenes", FewScenes)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_trains_and_tells(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("train", "kitti-road", "-o", tmp_path / "run", *FLAGS, "--format", "json")
    document = json.loads(out)
    assert code == 0
    assert document["schema_version"] == 1
    assert (document["data"], document["input_size"], document["numerics"]) == ("scenes", [64, 64], "integer")
    assert (document["steps"], document["batch"], document["training_pictures"]) == (4, 2, 4)
    assert 0 <= document["metrics"]["miou"] <= 1
    assert files(tmp_path / "run") == ["lock", "log.csv", "model.safetensors", "state.safetensors"]
    network, calibration = load_checkpoint(document["checkpoint"])
    assert (network.config.name, network.config.classes) == ("kitti-road", SCENE_CLASSES)
    assert calibration.shape == (4, 3, 64, 64)
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]
    assert "[4/4] loss" in err
    assert f"network in {tmp_path / 'run' / 'model.safetensors'}" in err
    again = cli("train", "kitti-road", "-o", tmp_path / "run", *FLAGS, "--format", "json")
    assert again.code == 0
    assert json.loads(again.out) == document
    assert "going on after step 4 of 4" in again.err


def test_mixed_precision(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("train", "-o", tmp_path, *FLAGS, "--precision", "bfloat16", "--format", "json")
    assert code == 0
    assert "on cpu, products in bfloat16" in err
    assert (json.loads(out)["device"], json.loads(out)["precision"]) == ("cpu", "bfloat16")
    code, _, err = cli("train", "-o", tmp_path, *FLAGS)
    assert code == 2
    assert "holds a run with precision bfloat16 (now float32)" in err


def test_table_and_csv(cli: Cli, tmp_path: Path) -> None:
    arguments = ("train", "-o", tmp_path, *FLAGS)
    table = cli(*arguments)
    assert table.out.splitlines()[0].split() == ["metric", "value"]
    rows = list(csv.DictReader(StringIO(cli(*arguments, "--format", "csv").out)))
    assert rows[0]["metric"] == "miou"
    assert len(table.out.splitlines()) == 1 + len(rows)
    assert {f"iou: {entry.name}" for entry in SCENE_CLASSES} <= {row["metric"] for row in rows}


def test_an_interrupt_ends_after_the_step_and_the_same_command_goes_on(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Trainer._advance

    def interrupted(self: Trainer, *given: Any) -> StepDone:
        if self.step == 1:
            signal.raise_signal(signal.SIGINT)
        return advance(self, *given)

    monkeypatch.setattr(Trainer, "_advance", interrupted)
    arguments = ("train", "-o", tmp_path, *FLAGS)
    code, out, err = cli(*arguments)
    assert (code, out) == (130, "")
    assert "interrupted after step 2; the same command goes on" in err
    assert files(tmp_path) == ["lock", "log.csv", "state.safetensors"]
    code, _, err = cli(*arguments)
    assert code == 0
    assert "going on after step 2 of 4" in err
    assert "model.safetensors" in files(tmp_path)


def test_other_settings_need_another_folder_or_a_fresh_start(cli: Cli, tmp_path: Path) -> None:
    cli("train", "-o", tmp_path, *FLAGS)
    arguments = ("train", "-o", tmp_path, *FLAGS, "--learning-rate", "0.5")
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert "holds a run with learning rate 0.002 (now 0.5)" in err
    assert "--fresh" in err.splitlines()[-1]
    assert cli(*arguments, "--fresh").code == 0
    assert files(tmp_path / "before-1") == ["log.csv", "model.safetensors", "state.safetensors"]


def test_a_checkpoint_is_trained_further(cli: Cli, tmp_path: Path) -> None:
    cli("train", "ecssd", "-o", tmp_path / "a", *FLAGS)
    checkpoint = tmp_path / "a" / "model.safetensors"
    code, out, _ = cli("train", checkpoint, "-o", tmp_path / "b", *FLAGS, "--format", "json")
    assert code == 0
    assert json.loads(out)["start"].startswith("checkpoint ")
    assert load_checkpoint(tmp_path / "b" / "model.safetensors")[0].config.name == "ecssd"
    # The folder of the checkpoint's own run is another run's.
    assert (
        "holds a run with start ecssd S (now checkpoint" in cli("train", checkpoint, "-o", tmp_path / "a", *FLAGS).err
    )


def test_a_twin_teaches(cli: Cli, tmp_path: Path) -> None:
    twin = json.loads(cli("train", "ecssd", "--twin", "-o", tmp_path / "twin", *FLAGS, "--format", "json").out)
    assert (twin["numerics"], twin["teacher"], twin["start"]) == ("float", "none", "ecssd S twin")
    arguments = ("train", "ecssd", "-o", tmp_path / "run", *FLAGS, "--teacher", twin["checkpoint"], "--format", "json")
    code, out, _ = cli(*arguments)
    assert code == 0
    assert (json.loads(out)["numerics"], json.loads(out)["teacher"][:11]) == ("integer", "checkpoint ")
    assert "holds a run with teacher checkpoint" in cli("train", "ecssd", "-o", tmp_path / "run", *FLAGS).err


def test_a_damaged_state(cli: Cli, tmp_path: Path) -> None:
    cli("train", "-o", tmp_path, *FLAGS)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    code, _, err = cli("train", "-o", tmp_path, *FLAGS)
    assert code == 2
    assert "got a damaged or another file at" in err
    assert cli("train", "-o", tmp_path, *FLAGS, "--fresh").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "scene"], "--data: expected the name of a data set, got 'scene'"),
        (["--size", "64"], "expected HxW, got '64'"),
        (["--size", "64x65"], "expected multiples of 32, got 64x65"),
        (["--size", "32x32"], "expected"),
        (["kitty-road"], "got 'kitty-road'"),
        (["nowhere.safetensors"], "got no file at 'nowhere.safetensors'"),
        (["tests.tiny:network"], "expected a preset or a checkpoint to train"),
        (["--teacher", "nowhere.safetensors"], "got no file at 'nowhere.safetensors'"),
        (["--steps", "0"], "--steps: expected 1 or more, got 0"),
        (["--batch", "1"], "--batch: expected 2 or more, got 1"),
        (["--batch", "9", "--pictures", "8"], "batch: expected at most as many as there are pictures (8), got 9"),
        (["--learning-rate", "-1"], "learning rate: expected a positive number, got -1.0"),
    ],
)
def test_refused(cli: Cli, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = cli("train", "-o", tmp_path / "run", "--threads", "1", *arguments)
    assert (code, out) == (2, "")
    line, hint = err.splitlines()
    assert message in line
    assert hint.startswith("hint: ")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(*arguments: Any, **options: Any) -> Any:
        return arguments[0].sum() * float("nan")

    monkeypatch.setattr("torch.nn.functional.cross_entropy", spoilt)
    code, out, err = cli("train", "-o", tmp_path, *FLAGS)
    assert (code, out) == (1, "")
    error, hint = err.splitlines()[-2:]
    assert (
        "step 1: expected a finite loss and gradient, got nan and nan; the last good state is that of step 0" in error
    )
    assert "--learning-rate" in hint


def told(step: int, metrics: Metrics | None = None) -> StepDone:
    return StepDone(step, 1 / step, 1e-3, 1.0, metrics)


def test_plain_lines_every_ten_seconds_and_at_measurements(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    shown = train._Shown(100, None)
    for step in range(1, 31):
        now[0] += 1
        shown.step(told(step, METRICS if step == 15 else None))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["[10/100]", "[15/100]", "[25/100]"]
    assert lines[0].endswith("1.5 min to go")
    assert "mIoU 50.0% in floating point" in lines[1]


def test_the_live_line_follows() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=150)
    with Progress(TextColumn("{task.completed}/{task.total} {task.description}"), console=console) as bar:
        bar.add_task("drawing", total=100)
        shown = train._Shown(100, bar)
        shown.step(told(1))
        shown.step(told(2, METRICS))
        assert bar.tasks[0].completed == 2
        assert bar.tasks[0].description.startswith("loss 0.950 · mIoU 50.0%")
    output = console.file
    assert isinstance(output, StringIO)
    assert "[2/100] loss" in output.getvalue()


def test_torchrun(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = ["train", "-o", str(tmp_path / "run"), *FLAGS, "--batch", "4", "--format", "json"]
    ran = subprocess.run(
        [*launcher, "-m", "tests.cli.tiny_train", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert (document["processes"], document["threads"], document["steps"]) == (2, 1, 4)
    assert ran.stderr.count("processes: 2, pictures of a step for each: 2") == 1
    assert files(tmp_path / "run") == ["lock", "log.csv", "model.safetensors", "state.safetensors"]
