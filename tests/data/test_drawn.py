from pathlib import Path

import numpy as np
import pytest
import torch

from tvm_bnn.data import drawn
from tvm_bnn.data.contract import Request
from tvm_bnn.data.drawn import Scenes
from tvm_bnn.data.scenes import scenes
from tvm_bnn.errors import UsageError

SIZE = (32, 64)


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
    counts: list[int] = []

    def counting(first: int, count: int, size: tuple[int, int], seed: int = 0) -> object:
        counts.append(count)
        return scenes(first, count, size, seed)

    monkeypatch.setattr(drawn, "scenes", counting)
    data = Scenes("train", 3, SIZE, seed=0)
    assert sum(counts) == 0
    for _ in range(2):
        data.batch([0])
        data.cue_sizes([0])
    assert sum(counts) == 3


def test_validation_is_the_same_for_every_seed_and_never_what_was_trained_on() -> None:
    first, other = (Scenes("val", 4, SIZE, seed).batch(range(4))[0] for seed in (0, 7))
    assert torch.equal(first, other)
    for seed in range(3):
        trained = Scenes("train", 4, SIZE, seed).batch(range(4))[0]
        assert not any(torch.equal(one, two) for one in trained for two in first)


def test_more_pictures_begin_with_the_same() -> None:
    few, many = (Scenes("val", count, SIZE, 0).batch(range(2))[0] for count in (2, 4))
    assert torch.equal(few, many)


def test_too_small() -> None:
    with pytest.raises(UsageError, match="at least 32x64"):
        Scenes("train", 1, (32, 32), seed=0)


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
