import numpy as np
import pytest

from tests.training import plain
from tvm_bnn.training import saliency
from tvm_bnn.training.curve import histogram


def test_by_hand() -> None:
    first = histogram(np.array([1, 1, 0, 0], np.uint8), np.array([255, 51, 102, 0], np.uint8))
    second = histogram(np.array([1, 0], np.uint8), np.array([255, 204], np.uint8))
    found = saliency.by_confidence([first, second])
    # From 205 on each picture takes one pixel, the right one: P = 1, R = (1/2 + 1) / 2 = 3/4, F = 1.3 * 0.75 / 1.05.
    assert found["max_f"] == pytest.approx(1.3 * 0.75 / (0.3 + 0.75))
    # (0 + 0.8 + 0.4 + 0) / 4 and (0 + 0.8) / 2.
    assert found["mae"] == pytest.approx((0.3 + 0.4) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_as_the_definitions_read(seed: int) -> None:
    generator = np.random.default_rng(seed)
    pictures = []
    for size in (20, 50, 35):
        labels = generator.choice(np.array([0, 0, 1], np.uint8), size)
        noise = generator.integers(-99, 100, size)
        pictures.append((labels, np.clip(np.where(labels == 1, 160, 90) + noise, 0, 255).astype(np.uint8)))
    # One picture without an object: an error, but no recall.
    pictures.append((np.zeros(10, np.uint8), generator.integers(0, 256, 10, np.uint8)))
    expected = plain.saliency([list(zip(a.tolist(), b.tolist(), strict=True)) for a, b in pictures])
    assert saliency.by_confidence([histogram(*pair) for pair in pictures]) == pytest.approx(expected)


def test_the_labels_themselves() -> None:
    first = histogram(np.array([1, 1, 0], np.uint8), np.array([255, 0, 255], np.uint8))
    second = histogram(np.array([1, 0], np.uint8), np.array([255, 0], np.uint8))
    assert saliency.by_label([first, second]) == pytest.approx(
        {"f": 1.3 * 0.75 * 0.75 / (1.3 * 0.75), "precision": 0.75, "recall": 0.75}
    )


def test_without_confidences_or_objects() -> None:
    assert saliency.by_confidence(None) == {"max_f": None, "mae": None}
    nothing = histogram(np.array([0, 0], np.uint8), np.array([51, 0], np.uint8))
    assert saliency.by_confidence([nothing]) == {"max_f": None, "mae": pytest.approx(0.1)}
    assert saliency.by_label([nothing]) == {"f": None, "precision": None, "recall": None}
    unlabelled = histogram(np.array([255], np.uint8), np.array([1], np.uint8))
    assert saliency.by_confidence([unlabelled])["mae"] is None
