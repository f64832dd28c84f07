"""The segmentation network: integer stem, binary residual encoder, plain binary decoder, integer head."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from tvm_bnn.models.config import STRIDE, WIDTHS, SegmentationConfig
from tvm_bnn.nn import BinaryConv2d, RealConv2d, RepeatChannels, RPReLU, Uint8Activation, UpsampleScores

_STEM_CHANNELS = 16


class BinaryBlock(nn.Module):
    """A 3x3 binary convolution with a shortcut of its own, as in ReActNet: RPReLU(norm(conv(x)) + shortcut(x)).

    Real values [N, C, H, W] in, [N, O, H / stride, W / stride] out. Where the block widens, the shortcut repeats its
    channels; where it halves the map, the shortcut is pooled.

    Args:
        in_channels: C.
        out_channels: O, a multiple of C.
        stride: 1 or 2.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = BinaryConv2d(in_channels, out_channels, kernel_size=3, stride=stride)
        self.norm = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()
        if stride == 2:
            self.shortcut.append(nn.AvgPool2d(2))
        if out_channels > in_channels:
            self.shortcut.append(RepeatChannels(out_channels // in_channels))
        self.activation = RPReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and add the shortcut."""
        total: Tensor = self.norm(self.conv(x)) + self.shortcut(x)
        activated: Tensor = self.activation(total)
        return activated


class Encoder(nn.Module):
    """Stages of binary blocks; the map is halved and the channels grow from one to the next.

    Args:
        channels: of each stage.
        depths: blocks of each stage.
    """

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        before = (channels[0], *channels)
        stages = [
            nn.Sequential(
                BinaryBlock(before[index], wide, stride=2 if index else 1),
                *(BinaryBlock(wide, wide) for _ in range(depth - 1)),
            )
            for index, (wide, depth) in enumerate(zip(channels, depths, strict=True))
        ]
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The stream after every stage, finest map first."""
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class DecoderLevel(nn.Module):
    """One step up: reduce to the channels of the finer map, double, add the finer map, refine.

    Args:
        in_channels: of the coarse map.
        out_channels: of the finer map.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.reduce = BinaryConv2d(in_channels, out_channels, kernel_size=1)
        self.norm = nn.BatchNorm2d(out_channels)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")
        self.activation = RPReLU(out_channels)
        self.refine = BinaryBlock(out_channels, out_channels)

    def forward(self, coarse: Tensor, finer: Tensor) -> Tensor:
        """Merge ``coarse`` [N, C, h, w] into ``finer`` [N, O, 2 h, 2 w]."""
        doubled: Tensor = self.upsample(self.norm(self.reduce(coarse)))
        merged: Tensor = self.refine(self.activation(doubled + finer))
        return merged


class SegmentationNet(nn.Module):
    """Pictures [N, 3, H, W] of 0..255 to class scores [N, K, H, W]; H and W are multiples of 32.

    Args:
        config: classes and width.
    """

    stride = STRIDE

    def __init__(self, config: SegmentationConfig) -> None:
        super().__init__()
        self.config = config
        channels, depths = WIDTHS[config.width].channels, WIDTHS[config.width].depths
        self.stem = nn.Sequential(
            RealConv2d(3, _STEM_CHANNELS, stride=2, picture=True),
            nn.BatchNorm2d(_STEM_CHANNELS),
            Uint8Activation(),
            RealConv2d(_STEM_CHANNELS, channels[0], stride=2),
            nn.BatchNorm2d(channels[0]),
            RPReLU(channels[0]),
        )
        self.encoder = Encoder(channels, depths)
        levels = itertools.pairwise(reversed(channels))
        self.decoder = nn.ModuleList(DecoderLevel(coarse, finer) for coarse, finer in levels)
        self.head = RealConv2d(channels[0], len(config.classes), kernel_size=1, bias=True)
        self.scores = UpsampleScores(4)

    def forward(self, picture: Tensor) -> Tensor:
        """Class scores of every pixel."""
        *finer, coarse = self.encoder(self.stem(picture))
        for level, skip in zip(self.decoder, reversed(finer), strict=True):
            coarse = level(coarse, skip)
        scores: Tensor = self.scores(self.head(coarse))
        return scores
