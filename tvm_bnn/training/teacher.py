"""Learning from a trained network beside the labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError
from tvm_bnn.models.checkpoint import load_checkpoint

WEIGHT = 0.9
"""Share of the teacher in the loss; the labels have the rest."""

TEMPERATURE = 2.0
"""Scores are divided by it, so that more is seen than which class is greatest."""


class Teacher:
    """A network whose scores are to be imitated (Hinton, Vinyals and Dean 2015).

    Args:
        network: in ``eval``; reads and yields what the one that learns does.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def to(self, device: str) -> None:
        """Move it there."""
        self._network.to(device)

    def blend(self, loss: Tensor, scores: Tensor, pictures: Tensor) -> Tensor:
        """The loss against labels and teacher together.

        Args:
            loss: against the labels.
            scores: of the network that learns, [N, K, H, W].
            pictures: [N, 3, H, W] that they are of.

        Returns:
            (1 - w) loss + w T^2 KL(teacher || learner), the mean over all pixels of distributions at temperature T,
            whose gradients T^2 brings to the size of the labels'.
        """
        with torch.no_grad():
            wanted = functional.log_softmax(self._network(pictures) / TEMPERATURE, dim=1)
        given = functional.log_softmax(scores / TEMPERATURE, dim=1)
        divergence = functional.kl_div(given, wanted, reduction="none", log_target=True).sum(1).mean()
        return (1 - WEIGHT) * loss + WEIGHT * TEMPERATURE**2 * divergence


def load_teacher(path: str, classes: Sequence[ClassInfo]) -> Teacher:
    """A checkpoint as a teacher of a network with these classes.

    Raises:
        UsageError: an unusable checkpoint, or one of other classes.
    """
    network, _ = load_checkpoint(path)
    wanted, got = [entry.name for entry in classes], [entry.name for entry in network.config.classes]
    if wanted != got:
        raise UsageError(
            f"--teacher: expected a network with the {len(wanted)} classes of the data, got {len(got)} others",
            "train one on the same data, for example with --twin",
        )
    return Teacher(network)
