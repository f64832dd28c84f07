"""What KITTI's road benchmark measures (Fritsch, Kuehnl and Geiger 2013, section IV)."""

from __future__ import annotations

import numpy as np

from tvm_bnn.training.curve import Curve, Histogram, f_measure

RECALLS = 11
"""Average precision is the mean over recalls of 0, 0.1, .. 1."""

_LABEL_THRESHOLD = 128

Numbers = dict[str, float | None]


def by_confidence(counts: Histogram | None) -> Numbers:
    """MaxF, average precision, and the shares at the threshold of MaxF.

    ``max_f`` is the greatest F1 over the thresholds, ``ap`` is :func:`average_precision`, ``precision``, ``recall``,
    ``fpr`` (false alarms among what is no road) and ``fnr`` (misses among road) are those at the lowest threshold that
    reaches ``max_f``.

    Args:
        counts: of all pictures together; None without confidences, which leaves everything None.
    """
    if counts is None:
        return dict.fromkeys(("max_f", "ap", "precision", "recall", "fpr", "fnr"))
    curve = Curve.of(counts)
    if not curve.positives:
        return by_confidence(None)
    best = int(np.argmax(f_measure(curve.precision, curve.recall, 1.0)))
    found = _at(curve, best)
    return {"max_f": found.pop("f"), "ap": average_precision(curve), **found}


def by_label(counts: Histogram) -> Numbers:
    """F1 and the same shares where the network's own labels decide.

    Args:
        counts: of all pictures together, with a confidence of 0 or 255.
    """
    curve = Curve.of(counts)
    if not curve.positives:
        return dict.fromkeys(("f", "precision", "recall", "fpr", "fnr"))
    return _at(curve, _LABEL_THRESHOLD)


def average_precision(curve: Curve) -> float:
    """Mean over recalls r of the greatest precision at a recall of r or more (Everingham et al. 2010, PASCAL VOC)."""
    # A recall of k / 10 is compared in integers: 0.3 is no binary fraction.
    reached = [(RECALLS - 1) * curve.hits >= step * curve.positives for step in range(RECALLS)]
    return float(np.mean([curve.precision[where].max() for where in reached]))


def _at(curve: Curve, threshold: int) -> Numbers:
    hits, alarms = int(curve.hits[threshold]), int(curve.false_alarms[threshold])
    return {
        "f": float(f_measure(curve.precision, curve.recall, 1.0)[threshold]),
        "precision": float(curve.precision[threshold]),
        "recall": hits / curve.positives,
        "fpr": alarms / curve.negatives if curve.negatives else None,
        "fnr": 1 - hits / curve.positives,
    }
