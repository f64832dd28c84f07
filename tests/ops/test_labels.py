import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.oracle import assert_same
from tests.ops.wrong import NOT_POSITIVE
from tests.strategies import LIGHT, Array, label_maps, random_inputs, seeds
from tvm_bnn.ops import Labels

FACTORS = (1, 2, 4, 8, 16)


def interpolated(scores: Array, factor: int) -> Array:
    """The scores upsampled by torch in float64, times (2 factor)^2: integers, so ties stay ties."""
    maps = torch.from_numpy(np.moveaxis(scores, -1, 1).astype(np.float64))
    larger = torch.nn.functional.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
    scaled = np.moveaxis(larger.numpy(), 1, -1) * (2 * factor) ** 2
    assert np.array_equal(scaled, np.round(scaled))
    return scaled


def first_greatest(scores: Array) -> Array:
    """The first class that no other class beats."""
    labels = np.zeros(scores.shape[:-1], np.uint8)
    for place in np.ndindex(labels.shape):
        row = scores[place].tolist()
        labels[place] = row.index(max(row))
    return labels


def label(scores: Array, factor: int) -> Array:
    """The reference for scores [h, w, K]."""
    height, width, classes = scores.shape
    (labels,) = Labels(1, height, width, classes, factor).reference(scores[None].astype(np.int16))
    return labels[0]


@LIGHT
@given(label_maps(), seeds)
def test_labels_are_the_greatest_of_the_interpolated_scores(operator: Labels, seed: int) -> None:
    (scores,) = random_inputs(operator, np.random.default_rng(seed))
    (labels,) = operator.reference(scores)
    assert_same(labels, first_greatest(interpolated(scores, operator.factor)))


@LIGHT
@given(label_maps(classes=5), st.sampled_from([1, 2]), seeds)
def test_ties_between_the_inputs_go_to_the_first_class(operator: Labels, largest: int, seed: int) -> None:
    """Scores of a few values only: most places have several greatest classes."""
    scores = np.random.default_rng(seed).integers(-largest, largest + 1, operator.inputs()[0].shape, np.int16)
    (labels,) = operator.reference(scores)
    assert_same(labels, first_greatest(interpolated(scores, operator.factor)))


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("scores", "first"), [([7, 7, 7], 0), ([-3, 7, 7], 1), ([-5, -9, -5], 0), ([0, 1, 2], 2)])
def test_equal_scores_go_to_the_first_class(scores: list[int], first: int, factor: int) -> None:
    assert np.unique(label(np.array([[scores] * 2] * 3), factor)).tolist() == [first]


@pytest.mark.parametrize("factor", FACTORS[1:])
def test_crossing_halfway_is_seen_by_the_pixel(factor: int) -> None:
    """Two classes that swap between two inputs: the border lies in the middle."""
    (row, *others) = label(np.array([[[9, -9], [-9, 9]]]), factor)
    assert row.tolist() == [0] * factor + [1] * factor
    assert all(np.array_equal(row, other) for other in others)


@pytest.mark.parametrize("factor", FACTORS)
def test_extreme_scores_overflow_nothing(factor: int) -> None:
    scores = np.array([[[-32768, 32767], [32767, -32768]], [[32767, 32766], [-32768, -32768]]])
    assert_same(label(scores, factor), first_greatest(interpolated(scores[None], factor))[0])


def test_the_last_of_256_classes_fits_a_byte() -> None:
    scores = np.zeros((1, 1, 256), np.int16)
    scores[..., 255] = 1
    assert label(scores, 2).tolist() == [[255, 255], [255, 255]]


@pytest.mark.parametrize("factor", [*NOT_POSITIVE, 3, 5, 6, 32])
def test_other_factors_are_refused(factor: Any) -> None:
    with pytest.raises(ValueError, match="factor"):
        Labels(1, 2, 3, 4, factor)


@pytest.mark.parametrize("classes", [*NOT_POSITIVE, 1, 257, 19.0])
def test_other_numbers_of_classes_are_refused(classes: Any) -> None:
    with pytest.raises(ValueError, match="classes"):
        Labels(1, 2, 3, classes)


@pytest.mark.parametrize("name", ["batch", "height", "width"])
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_maps_without_a_size_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^labels: expected {name} .+$"):
        dataclasses.replace(Labels(1, 2, 3, 4), **{name: value})


def test_specs_cost_and_label() -> None:
    operator = Labels(2, 3, 5, 19, factor=8)
    assert [spec.shape for spec in operator.inputs() + operator.outputs()] == [(2, 3, 5, 19), (2, 24, 40)]
    assert operator.bytes_moved == 2 * 3 * 5 * 19 * 2 + 2 * 24 * 40
    assert operator.cost().ops == 0
    assert operator.label() == "labels 19 x8 24x40"
    assert dataclasses.replace(operator, classes=256).inputs()[0].shape[-1] == 256
