"""A dilated network in the manner of DenseNet: every layer adds channels to all that came before.

``tvm-bnn summary examples.dense_net:factory``. Concatenation and max pooling are ordinary torch operators; they only
move numbers and pick among them, so that the network gives the same bytes on every target.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tvm_bnn.nn import BinaryConv2d, RealConv2d, RPReLU, UpsampleScores

GROWTH = 64
CLASSES = 5


class DenseLayer(nn.Module):
    """``x`` [N, C, H, W] and ``GROWTH`` new channels made of it, concatenated.

    Args:
        channels: C.
        dilation: of the 3x3 convolution.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv = BinaryConv2d(channels, GROWTH, dilation=dilation)
        self.norm = nn.BatchNorm2d(GROWTH)
        self.activation = RPReLU(GROWTH)

    def forward(self, x: Tensor) -> Tensor:
        """Grow."""
        return torch.cat([x, self.activation(self.norm(self.conv(x)))], dim=1)


class DilatedDenseNet(nn.Module):
    """Pictures [N, 3, H, W] of 0..255 to class scores [N, 5, H, W]; H and W are multiples of 8."""

    stride = 8
    input_size = (96, 160)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(RealConv2d(3, GROWTH, stride=4, picture=True), nn.BatchNorm2d(GROWTH), RPReLU(GROWTH))
        self.pool = nn.MaxPool2d(2)
        self.layers = nn.Sequential(*(DenseLayer((k + 1) * GROWTH, 2**k) for k in range(3)))
        self.transition = nn.Sequential(
            BinaryConv2d(4 * GROWTH, GROWTH, kernel_size=1), nn.BatchNorm2d(GROWTH), RPReLU(GROWTH)
        )
        self.head = RealConv2d(GROWTH, CLASSES, kernel_size=1, bias=True)
        self.scores = UpsampleScores(8)

    def forward(self, picture: Tensor) -> Tensor:
        """Class scores of every pixel."""
        scores: Tensor = self.scores(self.head(self.transition(self.layers(self.pool(self.stem(picture))))))
        return scores


def factory() -> nn.Module:
    """The network with random weights, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return DilatedDenseNet().eval()
