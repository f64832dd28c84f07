"""Shortcuts around layers that widen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tvm_bnn.errors import UsageError


class RepeatChannels(nn.Module):
    """Repeat the channels of ``x`` [N, C, ...] to [N, factor C, ...]: channel c is input channel c mod C.

    Costs nothing after freezing, where it must lead into an addition.

    Args:
        factor: how many copies.

    Raises:
        UsageError: a factor below 1.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        if factor < 1:
            raise UsageError(f"RepeatChannels: expected a factor of at least 1, got {factor}")
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Repeat ``x``."""
        return torch.cat([x] * self.factor, dim=1)
