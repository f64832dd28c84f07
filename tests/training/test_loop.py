import csv
import dataclasses
import shutil
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.coloured import CONFIG, Coloured
from tests.training.test_settings import SETTINGS
from tvm_bnn.errors import TvmBnnError, UsageError
from tvm_bnn.models.checkpoint import load_checkpoint
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.training import loop
from tvm_bnn.training.device import Precision
from tvm_bnn.training.evaluation import evaluate, float_labels
from tvm_bnn.training.folder import RunFolder
from tvm_bnn.training.loop import StepDone, Trainer
from tvm_bnn.training.settings import TrainingSettings
from tvm_bnn.training.start import seeded_network
from tvm_bnn.training.state import read_state

TRAIN, VALIDATION = Coloured(8), Coloured(3)
RUN = dataclasses.replace(SETTINGS, size=(64, 64), save_every=2, validate_every=4)


def trainer(folder: Path, settings: TrainingSettings = RUN) -> Trainer:
    folder.mkdir(exist_ok=True)
    return Trainer(seeded_network(CONFIG, settings.seed), settings, TRAIN, VALIDATION, RunFolder(folder))


def finished(folder: Path, settings: TrainingSettings = RUN) -> list[StepDone]:
    run = trainer(folder, settings)
    done = list(run.run())
    run.finish()
    return done


def after(steps: int) -> object:
    """Something that asks to stop when it is asked for the next step after ``steps``."""
    asked = count()
    return lambda: next(asked) >= steps


def without_times(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return [[cell for place, cell in enumerate(row) if place != 3] for row in csv.reader(file)]


def assert_same(parts: Path, whole: Path) -> None:
    assert (parts / "state.safetensors").read_bytes() == (whole / "state.safetensors").read_bytes()
    network, other = (load_checkpoint(folder / "model.safetensors")[0].state_dict() for folder in (parts, whole))
    assert network.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in network.items())
    assert without_times(parts / "log.csv") == without_times(whole / "log.csv")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_stopping_and_going_on_gives_the_same_bits(tmp_path: Path, precision: Precision) -> None:
    settings = dataclasses.replace(RUN, precision=precision)
    finished(tmp_path / "whole", settings)
    run = trainer(tmp_path / "parts", settings)
    assert len(list(run.run(after(3)))) == run.step == 3  # type: ignore[arg-type]
    again = trainer(tmp_path / "parts", settings)
    assert again.step == 3
    assert [done.step for done in again.run()] == [4, 5, 6]
    again.finish()
    assert_same(tmp_path / "parts", tmp_path / "whole")
    assert all(parameter.dtype == torch.float32 for parameter in again.network.parameters())


def test_mixed_precision_rounds_a_little(tmp_path: Path) -> None:
    mixed = dataclasses.replace(RUN, steps=1, precision="bfloat16")
    plain, rounded = (finished(tmp_path / s.precision, s)[0].loss for s in (dataclasses.replace(RUN, steps=1), mixed))
    assert plain != rounded
    assert rounded == pytest.approx(plain, rel=0.05)


def test_killed_between_two_states_goes_on_from_the_last(tmp_path: Path) -> None:
    finished(tmp_path / "whole")
    list(islice(trainer(tmp_path / "parts").run(), 3))
    assert read_state(tmp_path / "parts" / "state.safetensors").step == 2
    assert len(without_times(tmp_path / "parts" / "log.csv")) == 1 + 3
    assert [done.step for done in finished(tmp_path / "parts")] == [3, 4, 5, 6]
    assert_same(tmp_path / "parts", tmp_path / "whole")


def test_seeds_differ(tmp_path: Path) -> None:
    first = finished(tmp_path / "a")
    other = finished(tmp_path / "b", dataclasses.replace(RUN, seed=4))
    assert [done.loss for done in first] != [done.loss for done in other]


def test_it_learns(tmp_path: Path) -> None:
    settings = dataclasses.replace(RUN, steps=40, save_every=100, validate_every=20)
    done = finished(tmp_path, settings)
    assert [one.step for one in done if one.metrics] == [20, 40]
    last = done[-1].metrics
    assert last is not None
    assert last.miou > 0.8 > 0.4 > last.majority_miou
    assert np.mean([one.loss for one in done[-5:]]) < done[0].loss / 2
    network, calibration = load_checkpoint(tmp_path / "model.safetensors")
    assert evaluate(float_labels(network), VALIDATION) == last
    assert isinstance(calibration, torch.Tensor)
    assert torch.equal(calibration, TRAIN.batch(range(8))[0])
    weights = [layer.weight for layer in network.modules() if isinstance(layer, BinaryLayer)]
    assert max(float(weight.detach().abs().max()) for weight in weights) <= 1


def test_the_last_step_is_measured_in_any_case(tmp_path: Path) -> None:
    assert [done.step for done in finished(tmp_path) if done.metrics] == [4, 6]


def test_a_finished_run_has_nothing_to_do(tmp_path: Path) -> None:
    finished(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "before")
    assert finished(tmp_path) == []
    assert_same(tmp_path, tmp_path / "before")


def test_other_settings_are_refused_and_change_nothing(tmp_path: Path) -> None:
    finished(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UsageError, match=r"holds a run with batch 4 \(now 2\)"):
        trainer(tmp_path, dataclasses.replace(RUN, batch=2))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_loss_that_is_not_finite_stops_and_spoils_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Spoilt(SegmentationNet):
        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            scores = super().forward(picture)
            return scores * float("nan") if run.step == 3 else scores

    run = Trainer(Spoilt(CONFIG), RUN, TRAIN, VALIDATION, RunFolder(tmp_path))
    with pytest.raises(TvmBnnError, match=r"step 4: expected a finite loss and gradient, got nan.*step 2 in") as caught:
        list(run.run())
    assert caught.value.exit_code == 1
    state = read_state(tmp_path / "state.safetensors")
    assert state.step == 2
    assert all(bool(tensor.isfinite().all()) for tensor in state.tensors.values())


def test_measuring_does_not_change_what_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = finished(tmp_path / "a", dataclasses.replace(RUN, validate_every=1))
    unmeasured = finished(tmp_path / "b", dataclasses.replace(RUN, validate_every=100))
    assert [done.loss for done in measured] == [done.loss for done in unmeasured]


def test_few_pictures_are_all_used_for_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CALIBRATION_PICTURES", 100)
    finished(tmp_path)
    _, calibration = load_checkpoint(tmp_path / "model.safetensors")
    assert isinstance(calibration, torch.Tensor)
    assert len(calibration) == 8
