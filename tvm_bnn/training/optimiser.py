"""What is optimised, how fast, and within which bounds."""

from __future__ import annotations

import math

import torch
from torch import nn

from tvm_bnn.nn.binary import BinaryLayer


def make_optimiser(network: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019) on the weights of layers that are not binary.

    A binary weight counts by its sign alone, so shrinking it would only make it flip more easily; thresholds, scales,
    norms and biases are few and mean what they are.
    """
    binary = {id(layer.weight) for layer in network.modules() if isinstance(layer, BinaryLayer)}
    decayed = [p for p in network.parameters() if p.dim() > 1 and id(p) not in binary]
    chosen = {id(p) for p in decayed}
    others = [p for p in network.parameters() if id(p) not in chosen]
    # Fused: one pass over the weights instead of one for every operation.
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}], fused=True
    )


def learning_rate_at(step: int, steps: int, highest: float, warmup: float) -> float:
    """The learning rate of a step: up in a straight line, then down along half a cosine to 0 after the last.

    Args:
        step: 0 .. steps - 1.
        steps: in all.
        highest: where the line meets the cosine.
        warmup: share of the steps before that.
    """
    rising = warmup * steps
    if step < rising:
        return highest * (step + 1) / (rising + 1)
    return highest * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2


def clip_binary_weights(network: nn.Module) -> None:
    """Keep the real values behind binary weights within -1 .. 1.

    Beyond that the straight-through estimator passes no gradient: a weight that momentum had carried there could
    never change its sign again.
    """
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, BinaryLayer):
                layer.weight.clamp_(-1, 1)
