"""The attention's signs, real at the start of training and hard at its end."""

from __future__ import annotations

from torch import nn

from tvm_bnn.nn import PooledBinaryAttention

SOFT_UNTIL = 0.45
HARD_FROM = 0.75
"""Shares of the steps: before the first the signs are real, after the second they are signs."""


def softness_at(step: int, steps: int) -> float:
    """How soft the signs are in a step: 1, then down in a straight line, then 0.

    Args:
        step: 0 .. steps - 1.
        steps: in all.
    """
    return min(1.0, max(0.0, (HARD_FROM - step / steps) / (HARD_FROM - SOFT_UNTIL)))


def soften(network: nn.Module, softness: float) -> None:
    """Set the softness of every pooled attention in ``network``."""
    for layer in network.modules():
        if isinstance(layer, PooledBinaryAttention):
            layer.soften(softness)
