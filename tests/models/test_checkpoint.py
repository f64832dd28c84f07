from pathlib import Path

import pytest
import safetensors.torch
import torch

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError
from tvm_bnn.models import config as module
from tvm_bnn.models.checkpoint import load_checkpoint, save_checkpoint
from tvm_bnn.models.config import SegmentationConfig, Width
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn.calibration import synthetic_pictures

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
    assert torch.equal(calibration, pictures)
    state = again.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in network.state_dict().items())


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file at"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_not_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"not this")
    with pytest.raises(UsageError, match="another file at"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "metadata", [{}, {"schema_version": "9"}, {"schema_version": "1"}, {"schema_version": "1", "config": "{}"}]
)
def test_other_tensors(tmp_path: Path, metadata: dict[str, str]) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, metadata))
    with pytest.raises(UsageError, match="checkpoint of version 1"):
        load_checkpoint(path)


def test_weights_of_another_network(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    metadata = {"schema_version": "1", "config": CONFIG.to_json()}
    path.write_bytes(safetensors.torch.save({"calibration": torch.zeros(1)}, metadata))
    with pytest.raises(UsageError, match="state_dict"):
        load_checkpoint(path)
