import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training.coloured import CLASSES, CONFIG, SIZE, Coloured
from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError
from tvm_bnn.models.checkpoint import save_checkpoint, save_packed
from tvm_bnn.models.config import Design
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.training.start import checkpoint_name, make_start

FOUR = (*CLASSES, ClassInfo("grey", (9, 9, 9)))


def test_a_preset_with_the_classes_of_the_data() -> None:
    start = make_start("kitti-road", "S", CLASSES, SIZE, seed=1)
    assert start.network.config == dataclasses.replace(CONFIG, name="kitti-road")
    assert (start.name, start.new) == ("kitti-road S", ())


def test_the_seed_decides_and_nobody_elses_generator_moves() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (make_start("ecssd", "S", CLASSES, SIZE, seed).network.head.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


class _Deciding(nn.Module):
    """Does what no integer network can: look at values to choose what to do."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_what_cannot_become_integers_is_refused() -> None:
    start = make_start("ecssd", "S", CLASSES, SIZE, seed=0)
    start.check()
    start.network.head = _Deciding()  # type: ignore[assignment]
    with pytest.raises(UsageError, match="cannot freeze SegmentationNet"):
        start.check()


def test_a_real_twin_needs_no_integers() -> None:
    start = make_start("ecssd", "S", CLASSES, SIZE, seed=0, twin=True)
    assert start.network.config.design == Design(real=True)
    assert start.name == "ecssd S twin"
    start.check()


def test_a_packed_checkpoint_is_not_trained_further(tmp_path: Path) -> None:
    path = tmp_path / "packed.safetensors"
    save_packed(path, SegmentationNet(CONFIG), Coloured(2).batch(range(2))[0], {})
    with pytest.raises(UsageError, match="expected a checkpoint that can be trained further, got a packed one at"):
        make_start(str(path), "S", CLASSES, SIZE, seed=0)


def test_a_checkpoint_has_no_twin(checkpoint: tuple[str, SegmentationNet]) -> None:
    with pytest.raises(UsageError, match="--twin: expected a preset, got"):
        make_start(checkpoint[0], "S", CLASSES, SIZE, seed=0, twin=True)


def test_a_checkpoint_is_named_by_its_contents(checkpoint: tuple[str, SegmentationNet], tmp_path: Path) -> None:
    moved = tmp_path / "b.safetensors"
    moved.write_bytes(Path(checkpoint[0]).read_bytes())
    assert checkpoint_name(str(moved)) == checkpoint_name(checkpoint[0])
    moved.write_bytes(b"other")
    assert checkpoint_name(str(moved)) != checkpoint_name(checkpoint[0])


@pytest.fixture
def checkpoint(tmp_path: Path) -> tuple[str, SegmentationNet]:
    network = SegmentationNet(CONFIG)
    save_checkpoint(tmp_path / "a.safetensors", network, Coloured(2).batch(range(2))[0])
    return str(tmp_path / "a.safetensors"), network


def test_a_checkpoint_is_gone_on_from(checkpoint: tuple[str, SegmentationNet]) -> None:
    path, network = checkpoint
    start = make_start(path, "S", CLASSES, SIZE, seed=1)
    assert start.new == ()
    assert start.name.startswith("checkpoint ")
    own = start.network.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in network.state_dict().items())


def test_other_classes_get_a_new_head(checkpoint: tuple[str, SegmentationNet]) -> None:
    path, network = checkpoint
    start = make_start(path, "S", FOUR, SIZE, seed=1)
    assert start.new == ("head.weight", "head.bias")
    assert start.network.config.classes == FOUR
    own = start.network.state_dict()
    kept = {name: tensor for name, tensor in network.state_dict().items() if name not in start.new}
    assert all(torch.equal(own[name], tensor) for name, tensor in kept.items())


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        ("kitty-road", SIZE, "got 'kitty-road'"),
        ("nowhere.safetensors", SIZE, "no file at"),
        ("tests.tiny:network", SIZE, "expected a preset or a checkpoint to train"),
        ("ecssd", (64, 65), "expected multiples of 32"),
    ],
)
def test_refused(model: str, size: tuple[int, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_start(model, "S", CLASSES, size, seed=0)
