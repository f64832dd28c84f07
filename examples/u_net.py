"""A network in the manner of U-Net: a path down, a path up, and maps handed across by concatenation.

``tvm-bnn summary examples.u_net:factory``. The softmax attention of the bottleneck and the first convolution are
ordinary torch operators in floating point, whose last bit is the compiler's: ``summary`` says so.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.nn import BinaryConv2d, RealConv2d, RPReLU, UpsampleScores

CLASSES = 4


class Pair(nn.Module):
    """Two binary 3x3 convolutions, [N, C, H, W] to [N, O, H, W].

    Args:
        in_channels: C.
        out_channels: O.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            BinaryConv2d(in_channels, out_channels), nn.BatchNorm2d(out_channels), RPReLU(out_channels)
        )
        self.second = nn.Sequential(BinaryConv2d(out_channels, out_channels), nn.BatchNorm2d(out_channels))
        self.activation = RPReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve twice, with a shortcut around the second."""
        first = self.first(x)
        result: Tensor = self.activation(self.second(first) + first)
        return result


class UNet(nn.Module):
    """Pictures [N, 3, H, W] of 0..255 to class scores [N, 4, H, W]; H and W are multiples of 8."""

    stride = 8
    input_size = (96, 160)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.fine = Pair(64, 64)
        self.coarse = Pair(64, 128)
        self.bottom = Pair(128, 128)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.merge_coarse = Pair(256, 64)
        self.merge_fine = Pair(128, 64)
        self.head = RealConv2d(64, CLASSES, kernel_size=1, bias=True)
        self.scores = UpsampleScores(2)

    def forward(self, picture: Tensor) -> Tensor:
        """Class scores of every pixel."""
        fine = self.fine(self.norm(self.stem(picture / 255)))
        coarse = self.coarse(functional.max_pool2d(fine, 2))
        bottom = self.bottom(functional.max_pool2d(coarse, 2))
        weighted = bottom * torch.softmax(bottom.mean(dim=(2, 3), keepdim=True), dim=1) * bottom.shape[1]
        merged = self.merge_coarse(torch.cat([self.up(weighted), coarse], dim=1))
        scores: Tensor = self.scores(self.head(self.merge_fine(torch.cat([self.up(merged), fine], dim=1))))
        return scores


def factory() -> nn.Module:
    """The network with random weights, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return UNet().eval()
