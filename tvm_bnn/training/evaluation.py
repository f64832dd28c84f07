"""Metrics of anything that labels pictures: a torch network, its frozen integers, or a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tvm_bnn.data.datasets import DataSet
from tvm_bnn.nn import IntegerNetwork
from tvm_bnn.training.metrics import Metrics, confusion, measure

UInt8 = npt.NDArray[np.uint8]
Predict = Callable[[UInt8], UInt8]
"""Pictures uint8 [n, H, W, 3] to labels uint8 [n, H, W]."""

# Few enough that the maps of a wide network stay small, enough that a pass is worth its overhead.
_BATCH = 8


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use so many cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def float_labels(network: nn.Module) -> Predict:
    """Labels of a torch network that reads [n, 3, H, W] and yields scores [n, K, H, W]; it is to be in ``eval``."""

    def predict(pictures: UInt8) -> UInt8:
        with torch.no_grad():
            scores = network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
        return scores.argmax(1).to(torch.uint8).numpy()

    return predict


def integer_labels(network: IntegerNetwork) -> Predict:
    """Labels of the integer reference."""
    return lambda pictures: network(torch.from_numpy(pictures)).numpy()


def evaluate(predict: Predict, data: DataSet, told: Callable[[int], None] = lambda done: None) -> Metrics:
    """Label every picture of ``data`` and compare.

    Args:
        predict: gives the labels.
        data: pictures with labels.
        told: is called after every batch with the number of pictures done.
    """
    kinds = len(data.classes)
    counts = np.zeros((kinds, kinds), np.int64)
    by_size = {name: np.zeros((kinds, kinds), np.int64) for name in data.cue_size_names}
    for first in range(0, len(data), _BATCH):
        indices = range(first, min(first + _BATCH, len(data)))
        pictures, labels = data.batch(indices)
        predicted = predict(np.ascontiguousarray(pictures.permute(0, 2, 3, 1).numpy()))
        for label_map, guess, cue in zip(labels.numpy(), predicted, data.cue_sizes(indices), strict=True):
            one = confusion(label_map, guess, kinds)
            counts += one
            if 0 <= cue < len(data.cue_size_names):
                by_size[data.cue_size_names[cue]] += one
        told(indices.stop)
    return measure(counts, [entry.name for entry in data.classes], data.thin_classes, data.cue_classes, by_size)
