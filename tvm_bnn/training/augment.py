"""Which pictures a step sees, and how they are changed: decided by seed and step alone.

No sampler has a state that would have to be saved: a run that goes on draws what it would have drawn anyway. Every
number of a step is drawn before any picture is read, so it does not matter who reads which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from tvm_bnn.data.classes import UNLABELLED
from tvm_bnn.data.contract import DataSet, Sample, Size
from tvm_bnn.data.picture import UInt8, labels_to_size, resize_to
from tvm_bnn.data.variation import Variation

Batch: TypeAlias = tuple[Tensor, Tensor]
"""Pictures [N, 3, H, W] of whole numbers 0..255 in float32, and labels int64 [N, H, W]."""

_MARGIN = 128
"""Grey around a picture that is smaller than what the network takes."""

_GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the grey of a pixel (ITU-R BT.601)."""


@dataclass(frozen=True)
class Change:
    """What becomes of one picture.

    Attributes:
        index: of the picture.
        flipped: left becomes right.
        brightness: factor of every value.
        contrast: factor of the distance from the mean grey.
        saturation: factor of the distance from a pixel's own grey.
        scale: enlargement.
        place: of the part that is seen, or of the picture in its margin: 0..1 of what is possible, down and across.
    """

    index: int
    flipped: bool
    brightness: float
    contrast: float
    saturation: float
    scale: float
    place: tuple[float, float]


def draw(
    data: DataSet,
    batch: int,
    seed: int,
    step: int,
    part: slice = slice(None),
) -> Batch:
    """A batch of different pictures, each changed within the data set's variation.

    Args:
        data: at least ``batch`` pictures.
        batch: N.
        seed: of the run.
        step: that the batch is for.
        part: of the batch, by default all of it.

    Returns:
        pictures [N, 3, H, W] of whole numbers 0..255 in float32, labels int64 [N, H, W].

    Raises:
        UsageError: files that cannot be used.
    """
    return changed(data, plan(len(data), data.variation, batch, seed, step)[part])


def plan(pictures: int, variation: Variation, batch: int, seed: int, step: int) -> list[Change]:
    """What a step sees.

    Args:
        pictures: to choose from.
        variation: that they bear.
        batch: how many to choose.
        seed: of the run.
        step: that the batch is for.
    """
    generator = np.random.default_rng([seed, step])
    indices = generator.choice(pictures, batch, replace=False)
    flips = generator.random(batch) < 0.5
    brightness, contrast, saturation = (
        generator.uniform(1 - most, 1 + most, batch)
        for most in (variation.brightness, variation.contrast, variation.saturation)
    )
    # Twice as large is as likely as half as large.
    low, high = variation.scale
    scales = np.exp(generator.uniform(math.log(low), math.log(high), batch))
    places = generator.random((batch, 2))
    columns = (indices, flips, brightness, contrast, saturation, scales, places)
    return [
        Change(int(i), bool(flip), float(b), float(c), float(s), float(scale), (float(place[0]), float(place[1])))
        for i, flip, b, c, s, scale, place in zip(*columns, strict=True)
    ]


def changed(data: DataSet, changes: list[Change]) -> Batch:
    """Pictures as they were planned.

    Args:
        data: that the plan is for.
        changes: at least one.

    Returns:
        as of :func:`draw`.

    Raises:
        UsageError: files that cannot be used.
    """
    return stacked([one(data, change) for change in changes])


def one(data: DataSet, change: Change) -> Sample:
    """A picture uint8 [3, H, W] and labels uint8 [H, W] as they were planned.

    Raises:
        UsageError: files that cannot be used.
    """
    part = place(data.sample(change.index), change, data.size)
    picture, labels = part.picture.transpose(2, 0, 1), part.labels
    if change.flipped:
        picture, labels = picture[:, :, ::-1], labels[:, ::-1]
    return Sample(_colored(np.ascontiguousarray(picture), change), labels)


def stacked(samples: Sequence[Sample]) -> Batch:
    """A batch of pictures as :func:`one` gives them."""
    pictures = torch.from_numpy(np.stack([sample.picture for sample in samples]))
    return pictures.float(), torch.from_numpy(np.stack([sample.labels for sample in samples])).long()


def place(sample: Sample, change: Change, size: Size) -> Sample:
    """The part of a picture that is seen, or all of it with a margin, brought to ``size`` (H, W).

    At scale 1 it is the whole picture, as it is when a network is evaluated.
    """
    if change.scale >= 1:
        return _resized(_part(sample, change), size)
    height, width = (max(1, round(side * change.scale)) for side in size)
    small = _resized(sample, (height, width))
    top, left = _offset(size, (height, width), change.place)
    picture = np.full((*size, 3), _MARGIN, np.uint8)
    labels = np.full(size, UNLABELLED, np.uint8)
    picture[top : top + height, left : left + width] = small.picture
    labels[top : top + height, left : left + width] = small.labels
    return Sample(picture, labels)


def _part(sample: Sample, change: Change) -> Sample:
    whole = sample.labels.shape[0], sample.labels.shape[1]
    height, width = (max(1, round(side / change.scale)) for side in whole)
    top, left = _offset(whole, (height, width), change.place)
    seen = np.s_[top : top + height, left : left + width]
    return Sample(sample.picture[seen], sample.labels[seen])


def _offset(whole: Size, part: Size, place: tuple[float, float]) -> Size:
    top, left = (int(share * (one - other + 1)) for share, one, other in zip(place, whole, part, strict=True))
    return top, left


def _resized(sample: Sample, size: Size) -> Sample:
    return Sample(
        np.ascontiguousarray(resize_to(sample.picture, size)),
        np.ascontiguousarray(labels_to_size(sample.labels, size)),
    )


def _colored(picture: UInt8, change: Change) -> UInt8:
    """[3, H, W] with other brightness, contrast and saturation.

    Rounded, for in use the network sees nothing but whole grey levels. NumPy computes it on the thread that asks;
    torch would start threads for each of those that draw.
    """
    values = picture.astype(np.float32)
    if change.saturation != 1 or change.contrast != 1:
        red, green, blue = (np.float32(share) for share in _GREY)
        grey = values[0] * red + values[1] * green + values[2] * blue
        # Summed in integers, whose sum no order of adding changes.
        mean = np.float32(int(picture.sum(dtype=np.int64)) / picture.size)
        values = grey + (values - grey) * np.float32(change.saturation)
        values = mean + (values - mean) * np.float32(change.contrast)
    values *= np.float32(change.brightness)
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
