"""A network small enough to compile in a test: one layer of each kind that a bundle needs."""

import torch
from torch import Tensor, nn

from tvm_bnn.nn import BinaryConv2d, RealConv2d, RPReLU, UpsampleScores

MODEL = "tests.tiny:network"


class Tiny(nn.Module):
    stride = 4
    input_size = (16, 24)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(RealConv2d(3, 64, stride=4, picture=True), nn.BatchNorm2d(64), RPReLU(64))
        self.conv = BinaryConv2d(64, 64)
        self.norm = nn.BatchNorm2d(64)
        self.activation = RPReLU(64)
        self.head = RealConv2d(64, 3, kernel_size=1, bias=True)
        self.scores = UpsampleScores(4)

    def forward(self, picture: Tensor) -> Tensor:
        x = self.stem(picture)
        scores: Tensor = self.scores(self.head(self.activation(self.norm(self.conv(x)) + x)))
        return scores


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Tiny().eval()


class Unsupported(Tiny):
    """Decides by the picture what to compute."""

    def forward(self, picture: Tensor) -> Tensor:
        scores: Tensor = super().forward(picture if picture.sum() > 0 else -picture)
        return scores


def unsupported() -> nn.Module:
    return Unsupported().eval()
