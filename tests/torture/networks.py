"""Random small networks that freeze into integers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tvm_bnn.models.blocks import BinaryBlock
from tvm_bnn.nn import (
    IntegerNetwork,
    MultiBranchUpsample,
    PooledBinaryAttention,
    RealConv2d,
    RPReLU,
    UpsampleScores,
    freeze,
)
from tvm_bnn.nn.calibration import synthetic_pictures
from tvm_bnn.nn.upsample import Gate

_CHANNELS = (32, 64, 96, 128)
_DILATIONS = ((1,), (1, 2), (2, 1, 3))
_STEM_STRIDES = (2, 4)


class RandomNetwork(nn.Module):
    """Stem, binary blocks, one level down and up again, perhaps attention, head; every choice drawn.

    Args:
        rng: decides the layers; weights come from torch's generator.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        stem = int(rng.choice(_STEM_STRIDES))
        channels, classes = int(rng.choice(_CHANNELS)), int(rng.integers(2, 20))
        wide = channels * int(rng.integers(1, 3))
        self.stride = 2 * stem
        self.input_size = tuple(self.stride * int(side) for side in rng.integers(2, 7, 2))
        self.stem = nn.Sequential(
            RealConv2d(3, channels, stride=stem, picture=True), nn.BatchNorm2d(channels), RPReLU(channels)
        )
        self.fine = nn.Sequential(*(BinaryBlock(channels, channels) for _ in range(rng.integers(0, 3))))
        self.coarse = BinaryBlock(channels, wide, stride=2)
        self.attention: nn.Module = PooledBinaryAttention(wide) if rng.integers(2) else nn.Identity()
        dilations = _DILATIONS[rng.integers(len(_DILATIONS))]
        gate: Gate = "pooled" if rng.integers(4) == 0 else "learned"
        self.up = MultiBranchUpsample(wide, channels, dilations, gate)
        self.activation = RPReLU(channels)
        self.head = RealConv2d(channels, classes, kernel_size=1, bias=True)
        self.scores = UpsampleScores(stem)

    def forward(self, picture: Tensor) -> Tensor:
        """Class scores of every pixel."""
        fine = self.fine(self.stem(picture))
        merged = self.activation(self.up(self.attention(self.coarse(fine)), fine))
        scores: Tensor = self.scores(self.head(merged))
        return scores


def random_network(seed: int) -> tuple[IntegerNetwork, tuple[int, int]]:
    """A network whose norms have seen pictures, frozen, and the size (H, W) of its pictures."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = RandomNetwork(rng)
        height, width = network.input_size
        pictures = synthetic_pictures(4, (height, width))
        network.train()(pictures)
        return freeze(network.eval(), pictures), (height, width)
