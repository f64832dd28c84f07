import dataclasses
import itertools

import numpy as np
import pytest
import torch

from tests.training.coloured import Coloured
from tvm_bnn.data.contract import Sample
from tvm_bnn.data.picture import labels_to_size, resize_to
from tvm_bnn.data.variation import Variation
from tvm_bnn.training.augment import Change, changed, draw, place, plan

DATA = Coloured(12)
WIDE = Variation(scale=(0.5, 2.0), brightness=0.3, contrast=0.2, saturation=0.4)
UNCHANGED = Change(0, False, 1.0, 1.0, 1.0, 1.0, (0.0, 0.0))


def varied() -> Coloured:
    data = Coloured(12)
    data.variation = WIDE
    return data


@pytest.mark.parametrize("data", [DATA, varied()])
def test_seed_and_step_decide(data: Coloured) -> None:
    first, again = draw(data, 4, seed=1, step=2), draw(data, 4, seed=1, step=2)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    for seed, step in ((1, 3), (2, 2)):
        assert not torch.equal(first[0], draw(data, 4, seed=seed, step=step)[0])


def test_it_does_not_matter_who_reads_which() -> None:
    data = varied()
    whole = draw(data, 6, seed=1, step=2)
    steps = plan(len(data), data.variation, 6, seed=1, step=2)
    parts = [changed(data, steps[rank::2]) for rank in range(2)]
    for rank, part in enumerate(parts):
        assert all(torch.equal(one[rank::2], other) for one, other in zip(whole, part, strict=True))


@pytest.mark.parametrize("data", [DATA, varied()])
def test_whole_grey_levels_and_labels_as_they_were(data: Coloured) -> None:
    pictures, labels = draw(data, 12, seed=0, step=0)
    assert (pictures.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert (pictures.shape, labels.shape) == ((12, 3, 64, 64), (12, 64, 64))
    assert torch.equal(pictures, pictures.round())
    assert 0 <= pictures.min() <= pictures.max() <= 255
    assert set(labels.unique().tolist()) <= {0, 1, 2, 255}


def test_drawn_from_the_whole_range_and_no_picture_twice() -> None:
    changes = list(itertools.chain(*(plan(12, WIDE, 12, seed=0, step=step) for step in range(40))))
    assert all(sorted(change.index for change in changes[at : at + 12]) == list(range(12)) for at in range(0, 480, 12))
    for name, low, high in (
        ("brightness", 0.7, 1.3),
        ("contrast", 0.8, 1.2),
        ("saturation", 0.6, 1.4),
        ("scale", 0.5, 2),
    ):
        values = [getattr(change, name) for change in changes]
        assert low <= min(values) < low + 0.03
        assert high - 0.03 < max(values) <= high
    assert 200 < sum(change.flipped for change in changes) < 280
    # Enlarging is as likely as shrinking.
    assert 200 < sum(change.scale > 1 for change in changes) < 280


def test_without_variation_only_the_side_changes() -> None:
    still = Coloured(3)
    still.variation = Variation(brightness=0.0)
    pictures, labels = draw(still, 3, seed=0, step=0)
    for change, picture, label_map in zip(
        plan(3, still.variation, 3, 0, 0), pictures.numpy(), labels.numpy(), strict=True
    ):
        side = -1 if change.flipped else 1
        assert np.array_equal(picture, still.pictures[change.index].transpose(2, 0, 1)[:, :, ::side])
        assert np.array_equal(label_map, still.labels[change.index][:, ::side])


def sample(height: int, width: int) -> Sample:
    """Red tells the row and green the column; so do the labels, row and column together."""
    rows, columns = np.indices((height, width)).astype(np.uint8)
    return Sample(np.stack([rows, columns, rows * 0], axis=2), (rows * 3 + columns).astype(np.uint8))


def test_at_scale_1_it_is_the_picture_as_it_is_evaluated() -> None:
    whole = sample(10, 14)
    seen = place(whole, UNCHANGED, (20, 21))
    assert np.array_equal(seen.picture, resize_to(whole.picture, (20, 21)))
    assert np.array_equal(seen.labels, labels_to_size(whole.labels, (20, 21)))


@pytest.mark.parametrize(("where", "top", "left"), [((0.0, 0.0), 0, 0), ((0.999, 0.999), 8, 12), ((0.5, 0.0), 4, 0)])
def test_a_part_of_the_picture(where: tuple[float, float], top: int, left: int) -> None:
    whole = sample(16, 24)
    seen = place(whole, dataclasses.replace(UNCHANGED, scale=2.0, place=where), (8, 12))
    assert np.array_equal(seen.picture, whole.picture[top : top + 8, left : left + 12])
    assert np.array_equal(seen.labels, whole.labels[top : top + 8, left : left + 12])


@pytest.mark.parametrize(("where", "top", "left"), [((0.0, 0.0), 0, 0), ((0.999, 0.999), 8, 12)])
def test_a_margin_without_labels(where: tuple[float, float], top: int, left: int) -> None:
    whole = sample(16, 24)
    seen = place(whole, dataclasses.replace(UNCHANGED, scale=0.5, place=where), (16, 24))
    inside = np.s_[top : top + 8, left : left + 12]
    assert np.array_equal(seen.labels[inside], labels_to_size(whole.labels, (8, 12)))
    assert np.array_equal(seen.picture[inside], resize_to(whole.picture, (8, 12)))
    outside = np.ones((16, 24), bool)
    outside[inside] = False
    assert set(seen.labels[outside]) == {255}
    assert set(seen.picture[outside].ravel()) == {128}


def test_colours_change_by_their_factors() -> None:
    mean = float(DATA.pictures[0].mean())
    original = DATA.pictures[0].astype(float)

    def seen(**factors: float) -> np.ndarray:
        pictures, _ = changed(DATA, [dataclasses.replace(UNCHANGED, **factors)])  # type: ignore[arg-type]
        return pictures[0].permute(1, 2, 0).numpy()

    assert np.array_equal(seen(), original)
    assert np.abs(seen(brightness=0.5) - original * 0.5).max() <= 0.51
    assert np.abs(seen(contrast=0.5) - (mean + (original - mean) * 0.5)).max() <= 0.51
    flat = seen(saturation=0.0)
    assert np.abs(flat - (original @ (0.299, 0.587, 0.114))[..., None]).max() <= 0.51


def test_the_number_of_threads_changes_nothing() -> None:
    data = varied()
    one = draw(data, 4, seed=5, step=6)[0]
    torch.set_num_threads(2)
    assert torch.equal(one, draw(data, 4, seed=5, step=6)[0])
