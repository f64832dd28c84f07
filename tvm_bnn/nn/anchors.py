"""A few anchors that stand for a whole map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.errors import UsageError

PYRAMID = (1, 3, 6, 8)
"""Grids of the pyramid of Asymmetric Non-local Networks (Zhu et al. 2019): 110 anchors."""


class AnchorPool(nn.Module):
    """Average pools over grids of several sizes: ``x`` [N, C, H, W] to anchors [N, C, 1, S], S = sum of g^2.

    A grid g divides the map into g x g windows as torch's adaptive pooling does; windows may overlap by one row or
    column. Grids follow each other in the order given, windows row by row.

    Args:
        grids: windows along each axis.

    Raises:
        UsageError: grids that are no distinct positive numbers.
    """

    def __init__(self, grids: Sequence[int] = PYRAMID) -> None:
        super().__init__()
        if not grids or min(grids) < 1 or len(set(grids)) != len(grids):
            raise UsageError(f"AnchorPool: expected distinct positive grids, got {tuple(grids)}")
        self.grids = tuple(grids)

    @property
    def anchors(self) -> int:
        """S."""
        return sum(grid**2 for grid in self.grids)

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``x``."""
        pools = [functional.adaptive_avg_pool2d(x, grid).flatten(2) for grid in self.grids]
        return torch.cat(pools, dim=2).unsqueeze(2)
