from pathlib import Path

import pytest
import torch
from torch import nn

from tvm_bnn.errors import UsageError
from tvm_bnn.models import config as module
from tvm_bnn.models import weights
from tvm_bnn.models.checkpoint import save_checkpoint, save_packed
from tvm_bnn.models.config import Width
from tvm_bnn.models.load import load
from tvm_bnn.models.presets import PRESETS, preset
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import freeze
from tvm_bnn.nn.calibration import synthetic_pictures

MODULE = """
from torch import nn
from tvm_bnn.nn import BinaryConv2d, RealConv2d, UpsampleScores, freeze

class Net(nn.Sequential):
    stride = 2
    input_size = (16, 24)

def labels():
    return Net(RealConv2d(3, 8, stride=2, picture=True), BinaryConv2d(8, 5), UpsampleScores(2))

def stream():
    return nn.Sequential(RealConv2d(3, 8, picture=True))

def frozen():
    return freeze(labels())

def number():
    return 3
"""


@pytest.fixture(autouse=True)
def shipping(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of what ships, empty; presets are small."""
    monkeypatch.setitem(module.WIDTHS, "S", Width((8, 16, 32, 32), (1, 1, 1, 1)))
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "users_network.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    model = load(name)
    assert (model.name, model.width, model.trained) == (name, "S", False)
    assert model.input_size == PRESETS[name].input_size
    assert model.classes == PRESETS[name].classes
    assert model.network(torch.zeros(1, 32, 64, 3, dtype=torch.uint8)).shape == (1, 32, 64)


def test_the_network_does_not_depend_on_the_input_size() -> None:
    states = [load("ecssd", input_size=size, seed=4).network.state_dict() for size in ((32, 32), (64, 96))]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_wrong_size() -> None:
    with pytest.raises(UsageError, match="got 30x64"):
        load("ecssd", input_size=(30, 64))


def test_unknown_model() -> None:
    with pytest.raises(UsageError, match="got 'citiscapes'"):
        load("citiscapes")


def test_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, SegmentationNet(preset("ecssd")), synthetic_pictures(1, (64, 64)))
    model = load(str(path), input_size=(32, 32))
    assert (model.name, model.trained, model.input_size) == ("mine", True, (32, 32))
    assert model.classes == PRESETS["ecssd"].classes


TRAINED_ON = {"data": "scenes-ecssd", "size": [160, 160], "steps": 9, "generated": True}


def test_what_ships_is_taken_unless_a_seed_or_another_width_is_named(shipping: Path) -> None:
    network, pictures = SegmentationNet(preset("ecssd")).eval(), synthetic_pictures(1, (64, 64))
    save_packed(shipping / "ecssd-S.safetensors", network, pictures, TRAINED_ON)
    shipped = load("ecssd")
    assert (shipped.name, shipped.width, shipped.trained) == ("ecssd", "S", True)
    assert shipped.input_size == PRESETS["ecssd"].input_size
    assert shipped.trained_on == "scenes-ecssd 160x160, 9 steps: generated scenes, not real pictures"
    wanted, found = freeze(network, pictures).state_dict(), shipped.network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
    assert load("ecssd", input_size=(32, 64)).input_size == (32, 64)
    others = load("ecssd", seed=0), load("ecssd", width="XS"), load("kitti-road")
    assert [(one.trained, one.trained_on) for one in others] == [(False, "")] * 3


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("factory", ["labels", "frozen"])
def test_factory_of_labels(factory: str) -> None:
    size = None if factory == "labels" else (16, 24)
    model = load(f"users_network:{factory}", input_size=size)
    assert (model.width, model.input_size, model.trained) == ("", (16, 24), True)
    assert [one.name for one in model.classes] == [f"class {label}" for label in range(5)]
    assert len({one.color for one in model.classes}) == 5


@pytest.mark.usefixtures("folder")
def test_factory_of_a_stream() -> None:
    assert load("users_network:stream", input_size=(32, 32)).classes == ()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:f", "No module named"),
        ("users_network:nothing", "no attribute 'nothing'"),
        (":", "got ':'"),
        ("users_network:number", "to give a torch module, got int"),
        ("users_network:stream", "input size: expected one for 'users_network:stream', got none"),
    ],
)
def test_unusable_factories(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(name)


def test_the_search_path_is_restored(folder: Path) -> None:
    import sys

    before = list(sys.path)
    load("users_network:labels")
    assert sys.path == before
    assert isinstance(load("users_network:frozen", input_size=(16, 24)).network, nn.Module)
