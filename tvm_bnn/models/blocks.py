"""The encoder: binary convolutions, each with an integer shortcut of its own."""

from __future__ import annotations

from torch import Tensor, nn

from tvm_bnn.nn import RepeatChannels, RPReLU
from tvm_bnn.nn.twin import convolution


class BinaryBlock(nn.Module):
    """A 3x3 binary convolution with a shortcut of its own, as in ReActNet: RPReLU(norm(conv(x)) + shortcut(x)).

    Real values [N, C, H, W] in, [N, O, H / stride, W / stride] out. Where the block widens, the shortcut repeats its
    channels; where it halves the map, the shortcut is pooled.

    Args:
        in_channels: C.
        out_channels: O, a multiple of C.
        stride: 1 or 2.
        real: whether the convolution's weights and activations are real.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, real: bool = False) -> None:
        super().__init__()
        self.conv = convolution(in_channels, out_channels, kernel_size=3, stride=stride, real=real)
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
        real: whether weights and activations are real.
    """

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...], real: bool = False) -> None:
        super().__init__()
        before = (channels[0], *channels)
        stages = [
            nn.Sequential(
                BinaryBlock(before[index], wide, stride=2 if index else 1, real=real),
                *(BinaryBlock(wide, wide, real=real) for _ in range(depth - 1)),
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
