"""Channels scaled by sigmoids: of what the picture as a whole says, or of learned numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tvm_bnn.nn.quantise import round_half_up
from tvm_bnn.nn.sign import per_channel

LOGIT_STEP = 2.0**-4
LOGIT_ZERO = 128
"""A logit is rounded to a byte b that stands for (b - 128) / 16: -8 to 7.94."""

GATE_UNITS = 256
"""A factor is a whole number of 1/256."""


def gate_factors(logits: Tensor) -> Tensor:
    """Sigmoid of logits rounded to bytes, itself rounded to 1/256 and below 1; gradients as without rounding."""
    rounded = round_half_up((logits / LOGIT_STEP + LOGIT_ZERO).clamp(0, 255))
    factors = torch.sigmoid((rounded - LOGIT_ZERO) * LOGIT_STEP)
    return round_half_up(factors * GATE_UNITS).clamp(max=GATE_UNITS - 1) / GATE_UNITS


class ChannelGate(nn.Module):
    """The Hadamard product of ``x`` [N, C, H, W] with the sigmoid of ``logits`` [N, C, 1, 1], one factor a channel."""

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        """Scale ``x``."""
        return x * gate_factors(logits)


class LearnedGate(nn.Module):
    """The Hadamard product of ``x`` [N, C, H, W] with the sigmoid of a learned number per channel.

    After freezing it is part of the multiplier of the layer before it.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(channels))

    @property
    def factor(self) -> Tensor:
        """What every channel is multiplied by, [C]."""
        return torch.sigmoid(self.logit)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x``."""
        return x * per_channel(self.factor, x)
