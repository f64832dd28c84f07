"""The segmentation network: integer stem, binary encoder, multi-branch decoder with attention, integer head."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from tvm_bnn.models.blocks import Encoder
from tvm_bnn.models.config import STRIDE, WIDTHS, Design, SegmentationConfig
from tvm_bnn.models.decoder import DecoderLevel
from tvm_bnn.nn import PooledBinaryAttention, RealConv2d, RPReLU, Uint8Activation, UpsampleScores

_STEM_CHANNELS = 16


class SegmentationNet(nn.Module):
    """Pictures [N, 3, H, W] of 0..255 to class scores [N, K, H, W]; H and W are multiples of 32.

    The stem halves the map twice in 8-bit integers; the encoder goes on in bits to output stride 32; every level of
    the decoder doubles the map and adds the encoder's map of that size; the attention works on the decoder's map at
    output stride 8, which has seen the whole encoder; the head's scores at stride 4 are interpolated.

    Args:
        config: classes, width and design.
    """

    stride = STRIDE

    def __init__(self, config: SegmentationConfig) -> None:
        super().__init__()
        self.config = config
        channels, design = WIDTHS[config.width].channels, config.design
        self.stem = nn.Sequential(
            RealConv2d(3, _STEM_CHANNELS, stride=2, picture=True),
            nn.BatchNorm2d(_STEM_CHANNELS),
            Uint8Activation(),
            RealConv2d(_STEM_CHANNELS, channels[0], stride=2),
            nn.BatchNorm2d(channels[0]),
            RPReLU(channels[0]),
        )
        self.encoder = Encoder(channels, WIDTHS[config.width].depths, design.real)
        levels = itertools.pairwise(reversed(channels))
        self.decoder = nn.ModuleList(
            DecoderLevel(coarse, finer, design.upsampling, design.real) for coarse, finer in levels
        )
        self.attention = _attention(channels[1], design)
        self.head = RealConv2d(channels[0], len(config.classes), kernel_size=1, bias=True)
        self.scores = UpsampleScores(4)

    def forward(self, picture: Tensor) -> Tensor:
        """Class scores of every pixel."""
        *finer, x = self.encoder(self.stem(picture))
        *deeper, last = self.decoder
        for level in deeper:
            x = level(x, finer.pop())
        x = last(self.attention(x), finer.pop())
        scores: Tensor = self.scores(self.head(x))
        return scores


def _attention(channels: int, design: Design) -> nn.Module:
    if design.attention == "none":
        return nn.Identity()
    return PooledBinaryAttention(channels, real=design.real or design.attention == "dense")
