"""How maps of salient objects are measured: maximal F and mean absolute error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tvm_bnn.training.curve import LEVELS, Curve, Histogram, f_measure

BETA_SQUARED = 0.3
"""Precision counts for more than recall (Achanta et al. 2009)."""

_LABEL_THRESHOLD = 128

Numbers = dict[str, float | None]
_Floats = npt.NDArray[np.float64]


def by_confidence(pictures: Sequence[Histogram] | None) -> Numbers:
    """Maximal F and mean absolute error.

    ``max_f`` is the greatest F over 256 thresholds, of precision and recall averaged over the pictures (Achanta et
    al. 2009); ``mae`` the mean over the pictures of |confidence - mask|, both 0..1 (Perazzi et al. 2012).

    Args:
        pictures: one histogram each; None without confidences, which leaves everything None.
    """
    if pictures is None:
        return dict.fromkeys(("max_f", "mae"))
    averaged = _averaged(pictures)
    best = None if averaged is None else float(f_measure(*averaged, BETA_SQUARED).max())
    errors = [error for counts in pictures if (error := _absolute_error(counts)) is not None]
    return {"max_f": best, "mae": float(np.mean(errors)) if errors else None}


def by_label(pictures: Sequence[Histogram]) -> Numbers:
    """F, precision and recall where the network's own labels decide.

    Args:
        pictures: one histogram each, with a confidence of 0 or 255.
    """
    averaged = _averaged(pictures)
    if averaged is None:
        return dict.fromkeys(("f", "precision", "recall"))
    precision, recall = averaged
    f = f_measure(precision, recall, BETA_SQUARED)
    return {
        name: float(values[_LABEL_THRESHOLD])
        for name, values in (("f", f), ("precision", precision), ("recall", recall))
    }


def _averaged(pictures: Sequence[Histogram]) -> tuple[_Floats, _Floats] | None:
    """Precision and recall [256], over the pictures that have an object."""
    curves = [curve for counts in pictures if (curve := Curve.of(counts)).positives]
    if not curves:
        return None
    return np.mean([one.precision for one in curves], axis=0), np.mean([one.recall for one in curves], axis=0)


def _absolute_error(counts: Histogram) -> float | None:
    levels = np.arange(LEVELS)
    total = int(counts.sum())
    summed = int(counts[0] @ levels + counts[1] @ (LEVELS - 1 - levels))
    return summed / (total * (LEVELS - 1)) if total else None
