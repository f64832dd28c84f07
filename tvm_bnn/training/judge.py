"""Counts of pixels, picture by picture, and every metric of a data set from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tvm_bnn.data.contract import DataSet
from tvm_bnn.data.picture import UInt8
from tvm_bnn.training import road, saliency
from tvm_bnn.training.curve import LEVELS, Histogram, histogram
from tvm_bnn.training.metrics import Counts, Metrics, confusion, measure


class Judge:
    """Counts what was right.

    Args:
        data: that is evaluated.
    """

    def __init__(self, data: DataSet) -> None:
        kinds = len(data.classes)
        self._data = data
        self._counts: Counts = np.zeros((kinds, kinds), np.int64)
        self._by_size: dict[str, Counts] = {name: np.zeros_like(self._counts) for name in data.cue_size_names}
        self._by_confidence: list[Histogram] = []
        self._by_label: list[Histogram] = []

    def add(self, labels: UInt8, predicted: UInt8, confidence: UInt8 | None, cue: int) -> None:
        """Count one picture.

        Args:
            labels: uint8 [h, w], 255 where there is none.
            predicted: uint8 [h, w].
            confidence: that a pixel is of class 1, uint8 [h, w], for data sets with two classes; None where there is
                none. All pictures have one, or none has.
            cue: place of the cue's size, or another number.
        """
        counts = confusion(labels, predicted, len(self._data.classes))
        self._counts += counts
        if 0 <= cue < len(self._data.cue_size_names):
            self._by_size[self._data.cue_size_names[cue]] += counts
        if self._data.measure != "iou":
            self._by_label.append(histogram(labels, predicted * np.uint8(LEVELS - 1)))
            if confidence is not None:
                self._by_confidence.append(histogram(labels, confidence))

    def metrics(self) -> Metrics:
        """All metrics.

        Raises:
            UsageError: no pixel had a label.
        """
        data, names = self._data, [entry.name for entry in self._data.classes]
        return measure(self._counts, names, data.thin_classes, data.cue_classes, self._by_size, self._official())

    def _official(self) -> dict[str, Any]:
        rated = self._by_confidence or None
        if self._data.measure == "road":
            whole = None if rated is None else sum(rated, np.zeros_like(rated[0]))
            labelled = sum(self._by_label, np.zeros((2, LEVELS), np.int64))
            return {**road.by_confidence(whole), "at_labels": road.by_label(labelled)}
        if self._data.measure == "saliency":
            return {**saliency.by_confidence(rated), "at_labels": saliency.by_label(self._by_label)}
        return {}
