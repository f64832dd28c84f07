import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError
from tvm_bnn.models import config as module
from tvm_bnn.models.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint, save_packed
from tvm_bnn.models.config import SegmentationConfig, Width
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import IntegerNetwork, freeze
from tvm_bnn.nn.calibration import Peaks, synthetic_pictures
from tvm_bnn.training.evaluation import integer_scores

CONFIG = SegmentationConfig("small", (ClassInfo("a", (0, 0, 0)), ClassInfo("b", (9, 9, 9))), (64, 64))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.WIDTHS, "S", Width((8, 16, 32, 32), (1, 1, 1, 1)))


def test_save_and_load(tmp_path: Path) -> None:
    network, pictures = SegmentationNet(CONFIG), synthetic_pictures(1, (32, 32))
    save_checkpoint(tmp_path / "a.safetensors", network, pictures)
    again, calibration = load_checkpoint(tmp_path / "a.safetensors")
    assert again.config == CONFIG
    assert not again.training
    assert isinstance(calibration, torch.Tensor)
    assert torch.equal(calibration, pictures)
    state = again.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in network.state_dict().items())


def used(seed: int) -> SegmentationNet:
    """A network whose norms and thresholds are no longer as they began."""
    torch.manual_seed(seed)
    network = SegmentationNet(CONFIG).train()
    for parameter in network.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    network(synthetic_pictures(4, (64, 64), seed).float())
    return network.eval()


def assert_same(one: IntegerNetwork, other: IntegerNetwork) -> None:
    assert one.steps == other.steps
    assert one.output == other.output
    given, found = one.state_dict(), other.state_dict()
    assert given.keys() == found.keys()
    assert all(found[name].dtype == t.dtype and torch.equal(found[name], t) for name, t in given.items())


@pytest.mark.parametrize("seed", range(2))
def test_a_packed_network_freezes_into_the_same_integers(tmp_path: Path, seed: int) -> None:
    network, pictures = used(seed), synthetic_pictures(3, (32, 64), seed)
    save_packed(tmp_path / "a.safetensors", network, pictures, {"data": "scenes"})
    checkpoint = read_checkpoint(tmp_path / "a.safetensors")
    assert (checkpoint.packed, checkpoint.trained_on) == (True, {"data": "scenes"})
    assert checkpoint.network.config == CONFIG
    assert not checkpoint.network.training
    assert isinstance(checkpoint.calibration, Peaks)
    assert_same(freeze(checkpoint.network, checkpoint.calibration), freeze(network, pictures))
    save_packed(tmp_path / "b.safetensors", checkpoint.network, checkpoint.calibration, {"data": "scenes"})
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()
    seen = pictures.permute(0, 2, 3, 1).numpy()
    for made in (integer_scores(network, pictures), integer_scores(checkpoint.network, checkpoint.calibration)):
        assert made(seen).labels.shape == (3, 32, 64)
    with torch.no_grad():
        assert torch.equal(checkpoint.network(pictures.float()), network(pictures.float()))


def test_a_whole_network_knows_no_training(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.safetensors", SegmentationNet(CONFIG), synthetic_pictures(1, (32, 32)))
    checkpoint = read_checkpoint(tmp_path / "a.safetensors")
    assert (checkpoint.packed, checkpoint.trained_on) == (False, {})


@pytest.mark.parametrize("change", ["a peak less", "bits of another network"])
def test_a_packed_file_that_does_not_fit(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.safetensors"
    save_packed(path, used(0), synthetic_pictures(1, (32, 32)), {})
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["checkpoint"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if change == "a peak less":
        del header["packed"]["peaks"]["head"]
    else:
        tensors["network.encoder.stages.0.0.conv.weight.bits"] = torch.zeros(1, dtype=torch.uint8)
    path.write_bytes(safetensors.torch.save(tensors, {"checkpoint": json.dumps(header)}))
    with pytest.raises(UsageError, match=r"expected the peaks of|expected 576 weights, got 8"):
        freeze(*load_checkpoint(path))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file at"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_not_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"not this")
    with pytest.raises(UsageError, match="another file at"):
        load_checkpoint(path)


SAVE = """
import sys, torch
from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.models.checkpoint import save_checkpoint
from tvm_bnn.models.config import SegmentationConfig
from tvm_bnn.models.segmentation import SegmentationNet
torch.set_num_threads(1)
torch.manual_seed(0)
network = SegmentationNet(SegmentationConfig("small", (ClassInfo("a", (0, 0, 0)),), (64, 64), "XS"))
save_checkpoint(sys.argv[1], network, torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
"""


def test_equal_networks_are_equal_files(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for seed, path in enumerate(paths):
        environment = os.environ | {"PYTHONHASHSEED": str(seed)}
        subprocess.run([sys.executable, "-c", SAVE, str(path)], check=True, env=environment)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    # With two entries even unordered files would be equal now and then.
    with safetensors.safe_open(paths[0], framework="pt") as file:
        assert list(file.metadata()) == ["checkpoint"]


def other(path: Path, metadata: dict[str, str]) -> None:
    """A file that may be almost a checkpoint."""
    path.write_bytes(safetensors.torch.save({"calibration": torch.zeros(1)}, metadata))


def header(**fields: Any) -> dict[str, str]:
    return {"checkpoint": json.dumps({"schema_version": 2, "config": CONFIG.to_json()} | fields)}


@pytest.mark.parametrize(
    ("metadata", "version"),
    [({"schema_version": "1", "config": CONFIG.to_json()}, 1), (header(schema_version=3), 3)],
)
def test_other_versions(tmp_path: Path, metadata: dict[str, str], version: int) -> None:
    other(tmp_path / "a.safetensors", metadata)
    with pytest.raises(UsageError, match=f"checkpoint of version 2, got one of version {version} at") as caught:
        load_checkpoint(tmp_path / "a.safetensors")
    assert caught.value.hint == "train the network again, or use the version of tvm-bnn that wrote the file"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "schema_version"),
        ({"format": "pt"}, "schema_version"),
        ({"checkpoint": "no JSON"}, "Expecting value"),
        ({"checkpoint": "[]"}, "list indices"),
        ({"checkpoint": '{"schema_version": 2}'}, "config"),
        (header(config="{}"), "classes"),
        (header(config=3), "JSON object must be str"),
        (header(), "state_dict"),
    ],
)
def test_other_files(tmp_path: Path, metadata: dict[str, str], reason: str) -> None:
    other(tmp_path / "a.safetensors", metadata)
    with pytest.raises(UsageError, match=f"checkpoint of version 2, got another file at .*: .*{reason}"):
        load_checkpoint(tmp_path / "a.safetensors")
