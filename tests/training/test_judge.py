from collections.abc import Sequence

import numpy as np
import pytest

from tests.training import plain
from tests.training.coloured import CLASSES, Coloured
from tvm_bnn.data.contract import Measure
from tvm_bnn.errors import UsageError
from tvm_bnn.training.judge import Judge

GENERATOR = np.random.default_rng(0)
LABELS = [np.array(GENERATOR.choice([0, 1, 255], (4, 6)), np.uint8) for _ in range(3)]
CONFIDENCE = [GENERATOR.integers(0, 256, (4, 6), np.uint8) for _ in range(3)]


def two_classes(measured_by: Measure) -> Coloured:
    data = Coloured(3)
    data.classes, data.measure = CLASSES[:2], measured_by
    data.thin_classes = data.cue_classes = data.cue_size_names = ()
    return data


def judged(measured_by: Measure, *, rated: bool) -> dict[str, object]:
    judge = Judge(two_classes(measured_by))
    for labels, confidence in zip(LABELS, CONFIDENCE, strict=True):
        judge.add(labels, (confidence >= 128).astype(np.uint8), confidence if rated else None, -1)
    return judge.metrics().document()


def pixels(confidences: Sequence[np.ndarray]) -> list[plain.Pixels]:
    pairs = zip(LABELS, confidences, strict=True)
    return [list(zip(labels.ravel().tolist(), values.ravel().tolist(), strict=True)) for labels, values in pairs]


def test_the_official_figures_come_first() -> None:
    expectations: dict[Measure, dict[str, float]] = {
        "road": plain.road(pixels(CONFIDENCE)),
        "saliency": plain.saliency(pixels(CONFIDENCE)),
    }
    for measured_by, expected in expectations.items():
        found = judged(measured_by, rated=True)
        assert {name: found[name] for name in expected} == pytest.approx(expected)
        assert list(found) == [*expected, "at_labels", "miou", "pixel_accuracy", "majority_miou", "iou"]


def test_labels_alone_have_figures_of_their_own() -> None:
    decided = [np.where(values >= 128, 255, 0) for values in CONFIDENCE]
    for measured_by in ("road", "saliency"):
        rated, alone = judged(measured_by, rated=True), judged(measured_by, rated=False)
        assert alone["max_f"] is None
        assert alone["at_labels"] == rated["at_labels"]
        assert alone["miou"] == rated["miou"]
    expected = plain.road(pixels(decided))
    found = judged("road", rated=False)["at_labels"]
    assert isinstance(found, dict)
    precision, recall = plain.shares([pixel for picture in pixels(decided) for pixel in picture], 128)
    assert (found["precision"], found["recall"]) == pytest.approx((float(precision), float(recall)))
    assert found["f"] <= expected["max_f"]


def test_other_data_sets_have_none() -> None:
    found = judged("iou", rated=False)
    assert list(found) == ["miou", "pixel_accuracy", "majority_miou", "iou"]
    judge = Judge(Coloured(1))
    judge.add(np.zeros((1, 2), np.uint8), np.zeros((1, 2), np.uint8), None, 1)
    found = judge.metrics().document()
    assert list(found)[4:] == ["thin_iou", "cue_iou", "cue_accuracy", "cue_accuracy_by_size"]
    assert found["cue_accuracy_by_size"] == {"small": None, "large": 1}


def test_nothing_labelled() -> None:
    judge = Judge(Coloured(1))
    judge.add(np.full((1, 2), 255, np.uint8), np.zeros((1, 2), np.uint8), None, -1)
    with pytest.raises(UsageError, match="expected pictures with labels, got none with a labelled pixel"):
        judge.metrics()
