import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tvm_bnn.data import drawn
from tvm_bnn.data.contract import Request
from tvm_bnn.data.drawn import Scenes, ScenesCityscapes, ScenesEcssd, ScenesKittiRoad
from tvm_bnn.data.scenes import DRAWERS, scenes
from tvm_bnn.data.scenes.street import draw_street
from tvm_bnn.errors import UsageError

SIZE = (32, 64)
VIEWS = (Scenes, ScenesCityscapes, ScenesKittiRoad, ScenesEcssd)


def test_a_batch() -> None:
    data = Scenes("train", 5, SIZE, seed=3)
    assert len(data) == 5
    pictures, labels = data.batch([4, 0])
    assert (pictures.dtype, pictures.shape) == (torch.uint8, (2, 3, 32, 64))
    assert (labels.dtype, labels.shape) == (torch.int64, (2, 32, 64))
    assert pictures.is_contiguous()
    expected, drawn_labels, cues = scenes(0, 5, SIZE, 4)
    assert np.array_equal(pictures.permute(0, 2, 3, 1).numpy(), expected[[4, 0]])
    assert np.array_equal(labels.numpy(), drawn_labels[[4, 0]])
    assert data.cue_sizes([4, 0]).tolist() == cues[[4, 0]].tolist()
    sample = data.sample(4)
    assert np.array_equal(sample.picture, expected[4])
    assert np.array_equal(sample.labels, drawn_labels[4])


def test_batches_are_copies() -> None:
    data = Scenes("train", 2, SIZE, seed=0)
    pictures, labels = data.batch(range(2))
    before = pictures.clone(), labels.clone()
    pictures.zero_()
    labels.zero_()
    again = data.batch(range(2))
    assert all(torch.equal(one, other) for one, other in zip(before, again, strict=True))


def test_scenes_are_drawn_once_and_only_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_indices = counted(monkeypatch)
    data = Scenes("train", 3, SIZE, seed=0)
    assert drawn_indices == []
    for _ in range(2):
        data.batch([0, 2])
        data.cue_sizes(range(3))
    assert drawn_indices == [0, 2]


def test_what_there_is_no_room_for_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "KEPT_BYTES", 2 * 4 * 32 * 64)
    drawn_indices = counted(monkeypatch)
    data = Scenes("train", 4, SIZE, seed=0)
    first, again = data.batch(range(4)), data.batch(range(4))
    assert drawn_indices == [0, 1, 2, 3, 2, 3]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Indices of the scenes that are drawn from now on."""
    indices: list[int] = []

    def counting(index: int, size: tuple[int, int], seed: int) -> object:
        indices.append(index)
        return draw_street(index, size, seed)

    monkeypatch.setitem(DRAWERS, "street", counting)
    return indices


def test_it_does_not_matter_which_process_draws() -> None:
    data, elsewhere = (Scenes("train", 3, SIZE, seed=2) for _ in range(2))
    with elsewhere.drawn_elsewhere(2):
        parts = elsewhere.batch(range(3))
    assert all(torch.equal(one, other) for one, other in zip(data.batch(range(3)), parts, strict=True))


def test_the_classes_of_cityscapes_are_those_of_scenes_with_all_on_the_road_road() -> None:
    own, theirs = (source("train", 6, (96, 192), 0).batch(range(6)) for source in (Scenes, ScenesCityscapes))
    assert torch.equal(own[0], theirs[0])
    assert torch.equal(torch.where(own[1] > 18, 0, own[1]), theirs[1])
    assert set(ScenesCityscapes.thin_classes) <= {entry.name for entry in ScenesCityscapes.classes}
    assert set(ScenesCityscapes("val", 2, SIZE, 0).cue_sizes(range(2))) == {-1}


def test_road_and_everything_else() -> None:
    streets, roads = (source("val", 4, SIZE, 0).batch(range(4))[1] for source in (ScenesCityscapes, ScenesKittiRoad))
    assert torch.equal(roads == 1, streets == 0)
    assert set(roads.unique().tolist()) == {0, 1}


def test_one_large_thing() -> None:
    for size in ((64, 64), (160, 160), (32, 200)):
        pictures, labels = ScenesEcssd("val", 60, size, 0).batch(range(60))
        shares = (labels == 1).double().mean((1, 2))
        assert labels.max() == 1
        assert shares.min() > 0.008
        assert shares.max() < 0.8
        assert len({picture.numpy().tobytes() for picture in pictures}) == 60
    assert 0.1 < (ScenesEcssd("val", 60, (160, 160), 0).batch(range(60))[1] == 1).double().mean() < 0.4


# As with streets, a change here is a change of a data set.
def test_checksum_of_large_things() -> None:
    data = ScenesEcssd("val", 6, (64, 96), 0)
    content = b"".join(part.tobytes() for index in range(6) for part in data.sample(index))
    assert hashlib.sha256(content).hexdigest()[:16] == "931383c7bb35ef51"


@pytest.mark.parametrize("source", VIEWS)
def test_a_view_is_a_data_set_of_its_usual_size(source: type[Scenes]) -> None:
    data = source.open(Request("train", source.usual_size, 2, seed=1))
    pictures, labels = data.batch(range(2))
    assert pictures.shape == (2, 3, *source.usual_size)
    assert int(labels.max()) < len(source.classes)
    assert len(data.cue_sizes(range(2))) == 2


def test_validation_is_the_same_for_every_seed_and_never_what_was_trained_on() -> None:
    first, other = (Scenes("val", 4, SIZE, seed).batch(range(4))[0] for seed in (0, 7))
    assert torch.equal(first, other)
    for seed in range(3):
        trained = Scenes("train", 4, SIZE, seed).batch(range(4))[0]
        assert not any(torch.equal(one, two) for one in trained for two in first)


def test_more_pictures_begin_with_the_same() -> None:
    few, many = (Scenes("val", count, SIZE, 0).batch(range(2))[0] for count in (2, 4))
    assert torch.equal(few, many)


@pytest.mark.parametrize("source", VIEWS)
def test_too_small(source: type[Scenes]) -> None:
    with pytest.raises(UsageError, match="at least 32x64"):
        source("train", 1, (32, 32), seed=0)


def test_as_many_as_usual_or_as_were_asked_for() -> None:
    assert [len(Scenes.open(Request(split, SIZE))) for split in ("train", "val")] == [2000, 100]
    few = Scenes.open(Request("train", SIZE, 3, seed=7))
    assert torch.equal(few.batch(range(3))[0], Scenes("train", 3, SIZE, 7).batch(range(3))[0])


def test_what_scenes_do_not_have(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--root: expected none, scenes are drawn"):
        Scenes.open(Request("val", SIZE, root=tmp_path))
    for split in ("all", "test"):
        with pytest.raises(UsageError, match=f"--split: expected train or val of scenes, got {split}"):
            Scenes.open(Request(split, SIZE))
