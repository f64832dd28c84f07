"""What a binary layer becomes in the real twin of a network."""

from __future__ import annotations

from torch import nn

from tvm_bnn.nn.conv import BinaryConv2d


def convolution(
    in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, dilation: int = 1, real: bool = False
) -> nn.Module:
    """A binary convolution, or the real one with the same window; neither has a bias, and both keep the map's size.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: odd.
        stride: in both directions.
        dilation: in both directions.
        real: whether weights and activations are real.
    """
    if not real:
        return BinaryConv2d(in_channels, out_channels, kernel_size, stride=stride, dilation=dilation)
    padding = dilation * (kernel_size // 2)
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=False)
