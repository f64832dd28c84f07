"""Which pictures a step sees, and how they are changed: decided by seed and step alone.

No sampler has a state that would have to be saved: a run that goes on draws what it would have drawn anyway.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tvm_bnn.data.datasets import DataSet

BRIGHTNESS = 0.2
"""Largest change of a picture's brightness, as a share of it."""


def draw(data: DataSet, batch: int, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """A batch of different pictures, each flipped or not and made a little brighter or darker.

    Args:
        data: at least ``batch`` pictures.
        batch: N.
        seed: of the run.
        step: that the batch is for.

    Returns:
        pictures [N, 3, H, W] of whole numbers 0..255 in float32, labels int64 [N, H, W].
    """
    generator = np.random.default_rng([seed, step])
    indices = generator.choice(len(data), batch, replace=False)
    pictures, labels = data.batch(indices.tolist())
    flipped = torch.from_numpy(generator.random(batch) < 0.5)
    factors = torch.from_numpy(generator.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS, batch).astype(np.float32))
    pictures = torch.where(flipped.view(-1, 1, 1, 1), pictures.flip(3), pictures)
    labels = torch.where(flipped.view(-1, 1, 1), labels.flip(2), labels)
    return _brighten(pictures, factors), labels


def _brighten(pictures: Tensor, factors: Tensor) -> Tensor:
    # Rounded, for in use the network sees nothing but whole grey levels.
    return (pictures * factors.view(-1, 1, 1, 1)).clamp(0, 255).round()
