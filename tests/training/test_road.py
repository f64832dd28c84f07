import numpy as np
import pytest

from tests.training import plain
from tvm_bnn.training import road
from tvm_bnn.training.curve import histogram


def test_by_hand() -> None:
    # From the most confident down: road, road, not, road, not.
    labels = np.array([1, 1, 0, 1, 0, 255], np.uint8)
    confidence = np.array([250, 200, 150, 100, 50, 255], np.uint8)
    found = road.by_confidence(histogram(labels, confidence))
    # At 100: 3 of 4 taken are road and none is missed: F = 2 * 3/4 / (7/4) = 6/7; at 200 it is 4/5.
    assert found["max_f"] == pytest.approx(6 / 7)
    assert (found["precision"], found["recall"], found["fpr"], found["fnr"]) == (0.75, 1, 0.5, 0)
    # Precision is 1 for the recalls 0 .. 0.6, and 3/4 for 0.7 .. 1.
    assert found["ap"] == pytest.approx((7 * 1 + 4 * 0.75) / 11)


def test_a_recall_that_is_just_reached_counts() -> None:
    # 3 of 10 are found before any false alarm: a recall of exactly 0.3, which no binary fraction is.
    labels = np.array([1] * 3 + [0] * 10 + [1] * 7, np.uint8)
    confidence = np.array([200] * 3 + [100] * 10 + [50] * 7, np.uint8)
    assert road.by_confidence(histogram(labels, confidence))["ap"] == pytest.approx((4 * 1 + 7 * 0.5) / 11)


@pytest.mark.parametrize("seed", range(4))
def test_as_the_definitions_read(seed: int) -> None:
    generator = np.random.default_rng(seed)
    pictures = []
    for _ in range(3):
        labels = generator.choice(np.array([0, 1, 255], np.uint8), 60)
        noise = generator.integers(-90, 91, 60)
        pictures.append((labels, np.clip(np.where(labels == 1, 150, 100) + noise, 0, 255).astype(np.uint8)))
    expected = plain.road([list(zip(a.tolist(), b.tolist(), strict=True)) for a, b in pictures])
    assert road.by_confidence(np.sum([histogram(*pair) for pair in pictures], axis=0)) == pytest.approx(expected)


def test_the_labels_themselves() -> None:
    labels = np.array([1, 1, 1, 0, 0, 255], np.uint8)
    decided = np.array([255, 255, 0, 255, 0, 0], np.uint8)
    assert road.by_label(histogram(labels, decided)) == pytest.approx(
        {"f": 2 / 3, "precision": 2 / 3, "recall": 2 / 3, "fpr": 1 / 2, "fnr": 1 / 3}
    )


def test_without_confidences_or_road_nothing_is_known() -> None:
    nothing = histogram(np.array([0, 255], np.uint8), np.array([9, 9], np.uint8))
    for found in (road.by_confidence(None), road.by_confidence(nothing), road.by_label(nothing)):
        assert set(found.values()) == {None}
    assert list(road.by_confidence(None)) == ["max_f", "ap", "precision", "recall", "fpr", "fnr"]


def test_nothing_but_road_has_no_false_alarms() -> None:
    found = road.by_confidence(histogram(np.array([1], np.uint8), np.array([9], np.uint8)))
    assert (found["max_f"], found["fpr"]) == (1, None)
