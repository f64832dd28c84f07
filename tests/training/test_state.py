import dataclasses
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.training.coloured import CONFIG, Coloured
from tests.training.test_settings import SETTINGS
from tvm_bnn.errors import UsageError
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.training.augment import draw
from tvm_bnn.training.optimiser import make_optimiser
from tvm_bnn.training.state import read_state, save_state


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, SegmentationNet, torch.optim.AdamW]:
    network = SegmentationNet(CONFIG)
    optimiser = make_optimiser(network, 0.1)
    network(draw(Coloured(4), 4, 0, 0)[0]).mean().backward()
    optimiser.step()
    save_state(tmp_path / "state.safetensors", 1, SETTINGS, network, optimiser)
    return tmp_path / "state.safetensors", network, optimiser


def test_everything_comes_back(saved: tuple[Path, SegmentationNet, torch.optim.AdamW]) -> None:
    path, network, optimiser = saved
    state = read_state(path)
    assert (state.step, state.settings) == (1, SETTINGS)
    again = SegmentationNet(CONFIG)
    renewed = make_optimiser(again, 0.1)
    state.check(SETTINGS, again)
    state.restore(again, renewed)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(network.buffers(), again.buffers(), strict=True))
    for parameter, other in zip(network.parameters(), again.parameters(), strict=True):
        kept, restored = optimiser.state.get(parameter, {}), renewed.state.get(other, {})
        assert kept.keys() == restored.keys()
        assert all(torch.equal(kept[key], restored[key]) for key in kept)


def test_before_the_first_step_there_are_no_moments(tmp_path: Path) -> None:
    network = SegmentationNet(CONFIG)
    optimiser = make_optimiser(network, 0.1)
    save_state(tmp_path / "s", 0, SETTINGS, network, optimiser)
    read_state(tmp_path / "s").restore(network, optimiser)
    assert not any(optimiser.state.values())


def test_another_run(saved: tuple[Path, SegmentationNet, torch.optim.AdamW]) -> None:
    path, network, _ = saved
    state = read_state(path)
    with pytest.raises(UsageError, match=r"holds a run with steps 6 \(now 8\), seed 3 \(now 4\)"):
        state.check(dataclasses.replace(SETTINGS, steps=8, seed=4), network)
    other = SegmentationNet(dataclasses.replace(CONFIG, input_size=(64, 32)))
    with pytest.raises(UsageError, match="holds a run with another network"):
        state.check(SETTINGS, other)


def test_damaged_files(saved: tuple[Path, SegmentationNet, torch.optim.AdamW]) -> None:
    path, _, _ = saved
    whole = path.read_bytes()
    for content in (b"", b"not this", whole[:100], whole[:-10]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="got a damaged or another file"):
            read_state(path)
    path.unlink()
    with pytest.raises(UsageError, match="got a damaged or another file"):
        read_state(path)


RUN = {"schema_version": 1, "settings": SETTINGS.to_json(), "config": "", "step": 1}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"run": "not JSON"},
        {"run": "[]"},
        {"run": json.dumps(RUN | {"schema_version": 9})},
        {"run": json.dumps(RUN | {"settings": "{}"})},
        {"run": json.dumps(RUN | {"step": "x"})},
    ],
)
def test_other_files(tmp_path: Path, metadata: dict[str, str]) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, metadata))
    with pytest.raises(UsageError, match="expected the state of a training run"):
        read_state(path)


@pytest.mark.parametrize("change", ["drop weights", "drop moments", "reshape moments"])
def test_tensors_that_do_not_fit(saved: tuple[Path, SegmentationNet, torch.optim.AdamW], change: str) -> None:
    path, network, optimiser = saved
    state = read_state(path)
    if change == "drop weights":
        del state.tensors["network.head.weight"]
    elif change == "drop moments":
        del state.tensors["optimiser.head.weight.exp_avg"]
    else:
        state.tensors["optimiser.head.weight.exp_avg"] = torch.zeros(1)
    with pytest.raises(UsageError, match=r"got a damaged or another file.*head"):
        state.restore(network, optimiser)
