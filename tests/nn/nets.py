"""Small networks to freeze."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.nn.teacher import randomise
from tvm_bnn.nn import BinaryConv2d, RealConv2d, RepeatChannels, RPReLU, Uint8Activation, UpsampleScores
from tvm_bnn.nn.calibration import synthetic_pictures

PICTURES = synthetic_pictures(2, (16, 24))
IMAGE = PICTURES.permute(0, 2, 3, 1).contiguous()


def stem(channels: int) -> nn.Sequential:
    return nn.Sequential(RealConv2d(3, channels, picture=True), nn.BatchNorm2d(channels), RPReLU(channels))


class Net(nn.Module):
    """A stem of ``channels`` channels, and what ``forward`` makes of it with the layers given."""

    stride = 1

    def __init__(self, channels: int, forward: Callable[["Net", Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.stem = stem(channels)
        self.body = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name)

    def forward(self, picture: Tensor) -> Tensor:
        return self.body(self, self.stem(picture))


def ready(model: nn.Module, pictures: Tensor = PICTURES) -> nn.Module:
    """``model`` with parameters as after training."""
    randomise(model, pictures)
    return model


class Block(nn.Module):
    def __init__(self, channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = BinaryConv2d(channels, out_channels, stride=stride)
        self.norm = nn.BatchNorm2d(out_channels)
        self.pool = nn.AvgPool2d(2) if stride == 2 else nn.Identity()
        self.repeat = RepeatChannels(out_channels // channels)
        self.activation = RPReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.activation(self.norm(self.conv(x)) + self.repeat(self.pool(x)))
        return result


class Segmenter(nn.Module):
    """Everything that the presets are made of, small."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            RealConv2d(3, 8, stride=2, picture=True),
            nn.BatchNorm2d(8),
            Uint8Activation(),
            RealConv2d(8, 16, stride=2),
            nn.BatchNorm2d(16),
            RPReLU(16),
        )
        self.fine = Block(16, 16)
        self.coarse = Block(16, 32, stride=2)
        self.reduce = BinaryConv2d(32, 16, kernel_size=1)
        self.norm = nn.BatchNorm2d(16)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")
        self.activation = RPReLU(16)
        self.refine = Block(16, 16)
        self.head = RealConv2d(16, 3, kernel_size=1, bias=True)
        self.scores = UpsampleScores(4)

    def forward(self, picture: Tensor) -> Tensor:
        fine = self.fine(self.stem(picture))
        up = self.upsample(self.norm(self.reduce(self.coarse(fine))))
        scores: Tensor = self.scores(self.head(self.refine(self.activation(up + fine))))
        return scores


def segmenter() -> nn.Module:
    torch.manual_seed(0)
    return ready(Segmenter())
