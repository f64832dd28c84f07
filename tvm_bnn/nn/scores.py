"""The end of a segmentation network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.errors import UsageError

FACTORS = (1, 2, 4, 8, 16)


class UpsampleScores(nn.Module):
    """Class scores [N, K, h, w] upsampled bilinearly to [N, K, f h, f w], pixel centres aligned.

    Freezing turns it, at the end of a network, into the label of the greatest score for every pixel.

    Args:
        factor: f, one of 1, 2, 4, 8, 16.

    Raises:
        UsageError: another factor.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        if factor not in FACTORS:
            raise UsageError(f"UpsampleScores: expected a factor of {', '.join(map(str, FACTORS))}, got {factor}")
        self.factor = factor

    def forward(self, scores: Tensor) -> Tensor:
        """Upsample ``scores``."""
        return functional.interpolate(scores, scale_factor=float(self.factor), mode="bilinear", align_corners=False)
