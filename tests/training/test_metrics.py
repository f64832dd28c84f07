import numpy as np
import pytest

from tvm_bnn.training.metrics import confusion, ious, majority_miou, measure

LABELS = np.array([[0, 0, 0, 1], [1, 2, 255, 0]])
PREDICTED = np.array([[0, 0, 1, 1], [2, 2, 3, 3]])


def test_counts_by_label_and_prediction() -> None:
    expected = [[2, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert confusion(LABELS, PREDICTED, 4).tolist() == expected


def test_counting_pixel_by_pixel_gives_the_same() -> None:
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 5, (2, 30, 20), np.uint8)
    labels[0] = 255
    expected = np.zeros((5, 5), int)
    for truth, guess in zip(labels[1:].flat, predicted[1:].flat, strict=True):
        expected[truth, guess] += 1
    assert np.array_equal(confusion(labels, predicted, 5), expected)


@pytest.mark.parametrize(
    ("labels", "predicted", "message"),
    [
        (np.zeros((2, 2), int), np.zeros(4, int), "expected predictions of shape"),
        (np.array([3]), np.array([0]), "expected labels below 3"),
        (np.array([0]), np.array([3]), "expected predictions below 3"),
        (np.array([0]), np.array([-1]), "expected predictions below 3"),
    ],
)
def test_what_cannot_be_counted(labels: np.ndarray, predicted: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion(labels, predicted, 3)


def test_iou_by_hand() -> None:
    # Nothing is labelled as the last but one class, which is predicted, and so all wrong; the last does not occur.
    assert ious(confusion(LABELS, PREDICTED, 5)) == [2 / 4, 1 / 3, 1 / 2, 0, None]


def test_iou_as_its_definition_reads() -> None:
    generator = np.random.default_rng(1)
    pictures = [(generator.integers(0, 5, (9, 7)), generator.integers(0, 5, (9, 7))) for _ in range(3)]
    for labels, _ in pictures:
        labels[labels == 4] = 255
    tp, fp, fn = [0] * 5, [0] * 5, [0] * 5
    for labels, predicted in pictures:
        for truth, guess in zip(labels.flat, predicted.flat, strict=True):
            if truth == 255:
                continue
            if truth == guess:
                tp[truth] += 1
            else:
                fn[truth] += 1
                fp[guess] += 1
    counts = sum(confusion(labels, predicted, 5) for labels, predicted in pictures)
    assert isinstance(counts, np.ndarray)
    expected = [tp[k] / (tp[k] + fp[k] + fn[k]) for k in range(5)]
    assert ious(counts) == pytest.approx(expected)
    assert measure(counts, list("abcde")).miou == pytest.approx(sum(expected) / 5)


def test_metrics() -> None:
    counts = confusion(LABELS, PREDICTED, 4)
    found = measure(counts, ["a", "b", "c", "d"], thin=["b", "d"], cues=["b", "c"], by_size={"small": counts * 0})
    assert found.miou == pytest.approx((2 / 4 + 1 / 3 + 1 / 2 + 0) / 4)
    assert found.pixel_accuracy == pytest.approx(4 / 7)
    assert found.majority_miou == pytest.approx(4 / 7 / 3)
    assert found.iou == {"a": 2 / 4, "b": 1 / 3, "c": 1 / 2, "d": 0}
    assert found.thin_iou == pytest.approx(1 / 6)
    assert found.cue_iou == pytest.approx((1 / 3 + 1 / 2) / 2)
    # Of two pixels of b one is right, and so is the only one of c.
    assert found.cue_accuracy == pytest.approx(2 / 3)
    assert found.cue_accuracy_by_size == {"small": None}


def test_the_majority_baseline_is_what_predicting_one_class_gives() -> None:
    counts = confusion(LABELS, np.zeros_like(LABELS), 4)
    assert majority_miou(confusion(LABELS, PREDICTED, 4)) == pytest.approx(measure(counts, list("abcd")).miou)


def test_without_groups_there_is_nothing_to_say_of_them() -> None:
    found = measure(confusion(LABELS, PREDICTED, 4), list("abcd"))
    assert (found.thin_iou, found.cue_iou, found.cue_accuracy, found.cue_accuracy_by_size) == (None, None, None, {})
