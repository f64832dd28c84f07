"""Activations on the real stream."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tvm_bnn.nn.precision import full_precision
from tvm_bnn.nn.quantise import uint8_values
from tvm_bnn.nn.sign import per_channel
from tvm_bnn.ops.epilogue import SLOPE_FRACTION_BITS, SLOPE_LIMIT

LARGEST_SLOPE = SLOPE_LIMIT / 2**SLOPE_FRACTION_BITS
"""Slopes of the integer network lie within +- this."""


class RPReLU(nn.Module):
    """ReActNet's shifted PReLU on ``x`` [N, C, ...]: with d = x - knee, (d if d > 0 else slope d) + offset.

    ``knee``, ``slope`` and ``offset`` are learned per channel; slopes act as if clamped to what integers can hold.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.knee = nn.Parameter(torch.zeros(channels))
        self.slope = nn.Parameter(torch.full((channels,), 0.25))
        self.offset = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Activate ``x``."""
        slope = self.slope.clamp(-LARGEST_SLOPE, LARGEST_SLOPE)
        with full_precision(x):
            return torch.prelu(x - per_channel(self.knee, x), slope) + per_channel(self.offset, x)


class Uint8Activation(nn.Module):
    """A ReLU onto the grid of uint8: multiples of 2^-5 from 0 to 7.97. Stands between two real convolutions."""

    def forward(self, x: Tensor) -> Tensor:
        """Clamp and round ``x``."""
        return uint8_values(x)
