"""Upsampling of binary features by several branches at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.anchors import AnchorPool
from tvm_bnn.nn.gate import ChannelGate, LearnedGate
from tvm_bnn.nn.twin import convolution

DILATIONS = (1, 2, 3)
"""Of three branches."""

Gate = Literal["learned", "pooled"]


class UpsampleBranch(nn.Module):
    """One branch: gate(norm(conv(sign(x)))), [N, C, h, w] to [N, O, h, w]. Its threshold before the sign is its own.

    Args:
        in_channels: C.
        out_channels: O.
        dilation: of the 3x3 convolution.
        gate: ``learned``, or ``pooled``: the sigmoid of a binary projection of the map's mean.
        real: whether weights and activations are real.
    """

    def __init__(self, in_channels: int, out_channels: int, dilation: int, gate: Gate, real: bool) -> None:
        super().__init__()
        self.conv = convolution(in_channels, out_channels, 3, dilation=dilation, real=real)
        self.norm = nn.BatchNorm2d(out_channels)
        if gate == "learned":
            self.gate: nn.Module = LearnedGate(out_channels)
        else:
            self.excite = nn.Sequential(
                convolution(in_channels, out_channels, 1, real=real), nn.BatchNorm2d(out_channels)
            )
            self.gate = ChannelGate()
        self.pooled = gate == "pooled"

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        """Convolve ``x``; ``mean`` [N, C, 1, 1] is its normalised mean, read by a pooled gate only."""
        features = self.norm(self.conv(x))
        gated: Tensor = self.gate(features, self.excite(mean)) if self.pooled else self.gate(features)
        return gated


class MultiBranchUpsample(nn.Module):
    """Doubles a map: ``x`` [N, C, h, w] and a shortcut [N, O, 2 h, 2 w] to [N, O, 2 h, 2 w].

    Every branch k sees the map through a threshold and a dilation of its own; the branches are weighted by sigmoids
    and added, and the sum is interpolated::

        y = Up2(sum_k sigmoid(a_k) * BN_k(BConv_k(sign(x - t_k)))) + shortcut

    A sum of K binary convolutions takes finer values than one, and K thresholds tell more of x than one sign does.
    Interpolation commutes with the sum, so one interpolation serves all branches, and they work on the small map.
    Parallel branches merged by sigmoid weights are the idea of arXiv 2405.17776; what a branch is, is ours. A sum of
    binary branches is Group-Net's (Zhuang et al. 2019).

    Example::

        up = MultiBranchUpsample(128, 64)
        finer = up(torch.randn(1, 128, 12, 39), torch.randn(1, 64, 24, 78))

    Args:
        in_channels: C.
        out_channels: O.
        dilations: of the branches, one each.
        gate: ``learned``, one number per channel and branch, or ``pooled``, which the picture decides.
        real: whether this is the real twin.

    Raises:
        UsageError: no branch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dilations: Sequence[int] = DILATIONS,
        gate: Gate = "learned",
        real: bool = False,
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise UsageError(f"MultiBranchUpsample: expected a dilation for every branch, got {tuple(dilations)}")
        self.branches = nn.ModuleList(
            UpsampleBranch(in_channels, out_channels, dilation, gate, real) for dilation in dilations
        )
        self.mean: nn.Module = nn.Identity()
        if gate == "pooled":
            self.mean = nn.Sequential(AnchorPool((1,)), nn.BatchNorm2d(in_channels))
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Double ``x`` and add ``shortcut``."""
        mean = self.mean(x)
        first, *others = self.branches
        total = first(x, mean)
        for branch in others:
            total = branch(x, mean) + total
        doubled: Tensor = self.upsample(total)
        return doubled + shortcut
