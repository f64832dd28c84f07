"""Precision and recall of one class over the threshold of its confidence, from counts of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.classes import UNLABELLED
from tvm_bnn.data.picture import UInt8

LEVELS = 256
"""Confidence is a byte c for c / 255, as published results store it; thresholds are the same 256 values."""

Histogram = npt.NDArray[np.int64]
"""Pixels [2, 256] by their label, 0 or 1, and the confidence that it is 1."""


def histogram(labels: UInt8, confidence: UInt8) -> Histogram:
    """Count the pixels by label and confidence; those labelled 255 do not count.

    Args:
        labels: 0, 1 or 255; any shape.
        confidence: that it is 1, of the same shape.

    Raises:
        ValueError: shapes differ, or another label.
    """
    if labels.shape != confidence.shape:
        raise ValueError(f"expected confidences of shape {labels.shape}, got {confidence.shape}")
    counted = labels != UNLABELLED
    truth = labels[counted].astype(np.int64)
    if truth.size and truth.max() > 1:
        raise ValueError(f"expected labels 0 and 1, got {truth.max()}")
    return np.bincount(LEVELS * truth + confidence[counted], minlength=2 * LEVELS).reshape(2, LEVELS)


@dataclass(frozen=True)
class Curve:
    """Decisions at every threshold t: a pixel is taken for 1 where its confidence is t or more.

    Attributes:
        hits: pixels of 1 taken for it, int64 [256].
        false_alarms: pixels of 0 taken for 1, int64 [256].
        positives: pixels of 1.
        negatives: pixels of 0.
    """

    hits: npt.NDArray[np.int64]
    false_alarms: npt.NDArray[np.int64]
    positives: int
    negatives: int

    @classmethod
    def of(cls, counts: Histogram) -> Curve:
        """The curve of a histogram."""
        # From the greatest confidence down: everything at t or above.
        negative, positive = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
        return cls(positive, negative, int(positive[0]), int(negative[0]))

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """Share of right ones among what was taken for 1, [256]; 0 where nothing was."""
        taken = self.hits + self.false_alarms
        return np.divide(self.hits, taken, out=np.zeros(LEVELS), where=taken > 0)

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Share of the pixels of 1 that were taken for it, [256]; there must be some."""
        return self.hits / self.positives


def f_measure(
    precision: npt.NDArray[np.float64], recall: npt.NDArray[np.float64], beta_squared: float
) -> npt.NDArray[np.float64]:
    """(1 + b) P R / (b P + R) with b = beta squared (van Rijsbergen 1979); 0 where both are 0."""
    weighted = beta_squared * precision + recall
    return np.divide((1 + beta_squared) * precision * recall, weighted, out=np.zeros_like(recall), where=weighted > 0)
