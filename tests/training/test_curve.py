import numpy as np
import pytest

from tests.training import plain
from tvm_bnn.training.curve import Curve, f_measure, histogram

LABELS = np.array([[0, 1, 1, 255], [0, 1, 0, 255]], np.uint8)
CONFIDENCE = np.array([[10, 10, 255, 200], [0, 200, 200, 0]], np.uint8)


def test_pixels_by_label_and_confidence() -> None:
    counts = histogram(LABELS, CONFIDENCE)
    assert [tuple(place) for place in np.argwhere(counts)] == [(0, 0), (0, 10), (0, 200), (1, 10), (1, 200), (1, 255)]
    assert counts.sum() == 6


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3, np.uint8), "expected confidences of shape"),
        (np.full((2, 4), 2, np.uint8), "expected labels 0 and 1, got 2"),
    ],
)
def test_what_cannot_be_counted(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        histogram(labels, CONFIDENCE)


def test_decisions_at_every_threshold() -> None:
    curve = Curve.of(histogram(LABELS, CONFIDENCE))
    pixels = list(zip(LABELS.ravel().tolist(), CONFIDENCE.ravel().tolist(), strict=True))
    assert (curve.positives, curve.negatives) == (3, 3)
    for threshold in range(256):
        tp, fp, _, _ = plain.counts(pixels, threshold)
        assert (curve.hits[threshold], curve.false_alarms[threshold]) == (tp, fp)
        precision, recall = plain.shares(pixels, threshold)
        assert (curve.precision[threshold], curve.recall[threshold]) == pytest.approx((float(precision), float(recall)))


def test_nothing_taken_has_precision_0() -> None:
    curve = Curve.of(histogram(np.array([0, 1], np.uint8), np.array([3, 3], np.uint8)))
    assert curve.precision[3:5].tolist() == [0.5, 0]


def test_f() -> None:
    precision, recall = np.array([0.5, 0, 1]), np.array([1, 0, 0.5])
    assert f_measure(precision, recall, 1.0) == pytest.approx([2 / 3, 0, 2 / 3])
    assert f_measure(precision, recall, 0.3) == pytest.approx([1.3 * 0.5 / 1.15, 0, 1.3 * 0.5 / 0.8])
