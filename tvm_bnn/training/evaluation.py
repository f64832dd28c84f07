"""Metrics of anything that labels pictures: a torch network, its frozen integers, or a bundle."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tvm_bnn.data.contract import DataSet, Size
from tvm_bnn.data.picture import UInt8, labels_to_size, resize_to
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import IntegerNetwork, freeze
from tvm_bnn.nn.calibration import Peaks
from tvm_bnn.training.judge import Judge
from tvm_bnn.training.metrics import Metrics

# Few enough that the maps of a wide network stay small, enough that a pass is worth its overhead.
_BATCH = 8
_BATCH_PIXELS = 2**21


class Prediction(NamedTuple):
    """What is said of pictures.

    Attributes:
        labels: uint8 [n, H, W].
        confidence: that a pixel is of class 1, c / 255, uint8 [n, H, W]; None for more than two classes, or where
            only labels are given.
    """

    labels: UInt8
    confidence: UInt8 | None


Predict = Callable[[UInt8], Prediction]
"""From pictures uint8 [n, H, W, 3]."""


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
    """Of a torch network that reads [n, 3, H, W] and yields scores [n, K, H, W]; it is to be in ``eval``."""

    def predict(pictures: UInt8) -> Prediction:
        device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
        with torch.no_grad():
            return _of_scores(network(torch.from_numpy(pictures).permute(0, 3, 1, 2).to(device).float()).cpu())

    return predict


def integer_labels(network: IntegerNetwork) -> Predict:
    """Of the integer reference, which ends in labels."""
    return lambda pictures: Prediction(network(torch.from_numpy(pictures)).numpy(), None)


def integer_scores(network: SegmentationNet, calibration: Tensor | Peaks) -> Predict:
    """The labels of the integer reference, and confidences from the same integer scores.

    Interpolated, a score of 16 bits is a multiple of 1 / 64 of its unit: exact in single precision, in which the
    scores leave the integers here. What is greatest among them is thus what it is among the integers.

    Args:
        network: in ``eval``.
        calibration: pictures uint8 [n, 3, H, W] that scales are measured on, or what was measured.
    """
    scored = copy.deepcopy(network)
    scored.scores = nn.Upsample(scale_factor=network.scores.factor, mode="bilinear")  # type: ignore[assignment]
    integers = freeze(scored, calibration)

    def predict(pictures: UInt8) -> Prediction:
        with torch.no_grad():
            return _of_scores(integers(torch.from_numpy(pictures)))

    return predict


def labels_only(run: Callable[[UInt8], UInt8]) -> Predict:
    """Of whatever labels pictures and gives nothing else."""
    return lambda pictures: Prediction(run(pictures), None)


def _of_scores(scores: Tensor) -> Prediction:
    labels = scores.argmax(1).to(torch.uint8).numpy()
    if scores.shape[1] != 2:
        return Prediction(labels, None)
    share = torch.sigmoid(scores[:, 1].double() - scores[:, 0].double())
    return Prediction(labels, (share * 255).round().to(torch.uint8).numpy())


def evaluate(predict: Predict, data: DataSet, told: Callable[[int], None] = lambda done: None) -> Metrics:
    """Label every picture of ``data`` and compare at the size that the picture was published in.

    Args:
        predict: gives the labels at ``data.size``.
        data: pictures with labels.
        told: is called after every batch with the number of pictures done.

    Raises:
        UsageError: files that cannot be used, or no pixel with a label.
    """
    judge = Judge(data)
    height, width = data.size
    batch = min(_BATCH, max(1, _BATCH_PIXELS // (height * width)))
    for first in range(0, len(data), batch):
        indices = range(first, min(first + batch, len(data)))
        samples = [data.sample(index) for index in indices]
        labels, confidence = predict(np.stack([resize_to(one.picture, data.size) for one in samples]))
        for place, (sample, cue) in enumerate(zip(samples, data.cue_sizes(indices), strict=True)):
            size = sample.labels.shape[0], sample.labels.shape[1]
            rated = None if confidence is None else _confidence_to_size(confidence[place], size)
            judge.add(sample.labels, labels_to_size(labels[place], size), rated, int(cue))
        told(indices.stop)
    return judge.metrics()


def _confidence_to_size(confidence: UInt8, size: Size) -> UInt8:
    """The map [h, w] at another size (H, W), bilinear."""
    height, width = size
    if confidence.shape == size:
        return confidence
    return np.array(Image.fromarray(confidence).resize((width, height), Image.Resampling.BILINEAR))
