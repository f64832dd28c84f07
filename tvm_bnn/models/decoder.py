"""The decoder: from coarse maps back to fine ones, one doubling after the other."""

from __future__ import annotations

from torch import Tensor, nn

from tvm_bnn.models.blocks import BinaryBlock
from tvm_bnn.models.config import Upsampling
from tvm_bnn.nn import MultiBranchUpsample, RPReLU
from tvm_bnn.nn.twin import convolution

_CONTROL_KERNEL = {"bilinear": 1, "single": 5}


class SingleUpsample(nn.Module):
    """What several branches are compared with: one binary convolution, then bilinear interpolation and the shortcut.

    Args:
        in_channels: C of the coarse map.
        out_channels: O of the finer map.
        kernel_size: 1, or 5 for about the work of three branches of 3x3.
        real: whether the convolution's weights and activations are real.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, real: bool = False) -> None:
        super().__init__()
        self.conv = convolution(in_channels, out_channels, kernel_size, real=real)
        self.norm = nn.BatchNorm2d(out_channels)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, coarse: Tensor, shortcut: Tensor) -> Tensor:
        """Double ``coarse`` [N, C, h, w] and add ``shortcut`` [N, O, 2 h, 2 w]."""
        doubled: Tensor = self.upsample(self.norm(self.conv(coarse)))
        return doubled + shortcut


class DecoderLevel(nn.Module):
    """One step up: double the coarse map into the channels of the finer one, add that, refine.

    Args:
        in_channels: C of the coarse map.
        out_channels: O of the finer map.
        upsampling: how it is doubled.
        real: whether weights and activations are real.
    """

    def __init__(self, in_channels: int, out_channels: int, upsampling: Upsampling, real: bool = False) -> None:
        super().__init__()
        self.upsample: nn.Module
        if upsampling in _CONTROL_KERNEL:
            self.upsample = SingleUpsample(in_channels, out_channels, _CONTROL_KERNEL[upsampling], real)
        else:
            self.upsample = MultiBranchUpsample(in_channels, out_channels, real=real)
        self.activation = RPReLU(out_channels)
        self.refine = BinaryBlock(out_channels, out_channels, real=real)

    def forward(self, coarse: Tensor, finer: Tensor) -> Tensor:
        """Merge ``coarse`` [N, C, h, w] into ``finer`` [N, O, 2 h, 2 w]."""
        merged: Tensor = self.refine(self.activation(self.upsample(coarse, finer)))
        return merged
