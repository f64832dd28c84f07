import numpy as np
import torch

from tests.training.coloured import Coloured
from tvm_bnn.training.augment import BRIGHTNESS, draw

DATA = Coloured(12)


def test_seed_and_step_decide() -> None:
    first, again = draw(DATA, 4, seed=1, step=2), draw(DATA, 4, seed=1, step=2)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    for seed, step in ((1, 3), (2, 2)):
        assert not torch.equal(first[0], draw(DATA, 4, seed=seed, step=step)[0])


def test_whole_grey_levels_and_labels_as_they_were() -> None:
    pictures, labels = draw(DATA, 12, seed=0, step=0)
    assert (pictures.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert torch.equal(pictures, pictures.round())
    assert 0 <= pictures.min() <= pictures.max() <= 255
    assert set(labels.unique().tolist()) <= {0, 1, 2, 255}


def test_labels_are_flipped_with_their_pictures_and_no_picture_comes_twice() -> None:
    pictures, labels = draw(DATA, 12, seed=0, step=0)
    seen = []
    for picture, label_map in zip(pictures.numpy(), labels.numpy(), strict=True):
        index, flipped, factor = _origin(picture)
        seen.append((index, flipped))
        assert 1 - BRIGHTNESS - 0.05 < factor < 1 + BRIGHTNESS + 0.05
        assert np.array_equal(label_map, DATA.labels[index][:, :: -1 if flipped else 1])
    assert sorted(index for index, _ in seen) == list(range(12))
    assert {flipped for _, flipped in seen} == {True, False}


def _origin(picture: np.ndarray) -> tuple[int, bool, float]:
    """The picture it was made from, whether it was flipped, and its brightness: noise tells them apart."""
    best = (2.0, 0, False, 1.0)
    for index, original in enumerate(DATA.pictures.transpose(0, 3, 1, 2).astype(float)):
        for flipped in (False, True):
            source = original[:, :, ::-1] if flipped else original
            factor = float((picture * source).sum() / (source * source).sum())
            error = float(np.abs(picture - factor * source).mean() / picture.mean())
            best = min(best, (error, index, flipped, factor))
    return best[1:]
