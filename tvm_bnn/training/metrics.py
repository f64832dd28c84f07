"""How well labels agree, from counts of pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.classes import UNLABELLED
from tvm_bnn.errors import UsageError

Counts = npt.NDArray[np.int64]
"""Pixels [K, K] by their label (row) and by what was predicted (column)."""


@dataclass(frozen=True)
class Metrics:
    """Results of an evaluation; None where nothing of the kind was labelled.

    Attributes:
        miou: mean IoU over the classes that have one.
        pixel_accuracy: share of the labelled pixels that were predicted right.
        majority_miou: ``miou`` of whoever predicts the most frequent class everywhere.
        iou: intersection over union by class, None for classes that neither occur nor were predicted.
        thin_iou: mean IoU over the thin classes that occur.
        cue_iou: mean IoU over the cue classes that occur.
        cue_accuracy: share of the pixels labelled as one of the cue classes that were predicted as that very class.
        cue_accuracy_by_size: the same among the pictures with a cue of one size.
        official: by what the data set is measured beside IoU; numbers, or groups of numbers.
    """

    miou: float
    pixel_accuracy: float
    majority_miou: float
    iou: dict[str, float | None]
    thin_iou: float | None
    cue_iou: float | None
    cue_accuracy: float | None
    cue_accuracy_by_size: dict[str, float | None]
    official: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """All of it by name, official figures first; without groups that the data set does not have."""
        named = dataclasses.asdict(self)
        groups = {name: named.pop(name) for name in ("thin_iou", "cue_iou", "cue_accuracy", "cue_accuracy_by_size")}
        return named.pop("official") | named | (groups if any(groups.values()) else {})


def confusion(labels: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], classes: int) -> Counts:
    """Count the pixels by label and prediction; those labelled 255 do not count.

    Args:
        labels: 0 .. classes - 1, or 255; any shape.
        predicted: 0 .. classes - 1, of the same shape.
        classes: K.

    Raises:
        ValueError: shapes differ, or another label or prediction.
    """
    if labels.shape != predicted.shape:
        raise ValueError(f"expected predictions of shape {labels.shape}, got {predicted.shape}")
    counted = labels != UNLABELLED
    truth, guess = labels[counted].astype(np.int64), predicted[counted].astype(np.int64)
    for name, values in (("labels", truth), ("predictions", guess)):
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(f"expected {name} below {classes}, got {values.min()}..{values.max()}")
    return np.bincount(classes * truth + guess, minlength=classes**2).reshape(classes, classes)


def ious(counts: Counts) -> list[float | None]:
    """TP / (TP + FP + FN) by class, as Cityscapes defines it; None for classes that neither occur nor were predicted.

    All pictures count together, and pixels without a label not at all (Cordts et al. 2016).
    """
    hit, labelled, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    union = labelled + predicted - hit
    return [int(hit[k]) / int(union[k]) if union[k] else None for k in range(len(counts))]


def majority_miou(counts: Counts) -> float:
    """Mean IoU over the classes that occur if every pixel were predicted as the most frequent class."""
    labelled = counts.sum(1)
    return float(labelled.max() / labelled.sum() / np.count_nonzero(labelled))


def measure(
    counts: Counts,
    classes: Sequence[str],
    thin: Sequence[str] = (),
    cues: Sequence[str] = (),
    by_size: Mapping[str, Counts] | None = None,
    official: Mapping[str, Any] | None = None,
) -> Metrics:
    """All metrics of one evaluation.

    Args:
        counts: of all pictures.
        classes: names by label.
        thin: names of the thin classes.
        cues: names of the classes that only a cue tells apart.
        by_size: counts of the pictures with a cue of that size.
        official: what the data set is measured by beside IoU.

    Raises:
        UsageError: no pixel has a label.
    """
    if not counts.any():
        raise UsageError(
            "expected pictures with labels, got none with a labelled pixel", "choose pictures that were annotated"
        )
    found = dict(zip(classes, ious(counts), strict=True))
    places = [classes.index(name) for name in cues]
    mean = _mean(found.values())
    assert mean is not None
    return Metrics(
        miou=mean,
        pixel_accuracy=float(np.trace(counts) / counts.sum()),
        majority_miou=majority_miou(counts),
        iou=found,
        thin_iou=_mean(found[name] for name in thin),
        cue_iou=_mean(found[name] for name in cues),
        cue_accuracy=_accuracy(counts, places),
        cue_accuracy_by_size={size: _accuracy(part, places) for size, part in (by_size or {}).items()},
        official=dict(official or {}),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _accuracy(counts: Counts, places: Sequence[int]) -> float | None:
    labelled = int(counts[places].sum())
    return int(counts[places, places].sum()) / labelled if labelled else None
