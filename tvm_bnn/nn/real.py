"""Convolution with int8 weights, for the first and last layers of a network."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.conv import resolve_padding
from tvm_bnn.nn.quantise import int8_levels, int8_scale

PICTURE_SCALE = 2.0**-8
"""Value of one grey level: a picture spans 0 .. 1."""


class RealConv2d(nn.Module):
    """Convolution with weights fake-quantised to int8, padded with zeros: [N, C, H, W] to [N, O, HO, WO].

    After freezing, a batch norm or scale behind it is a multiplier that must fit 32 bits beside the largest possible
    sum. For a picture or a uint8 activation it then has some 12 bits, for a stream only 3 to 6: there, as in a
    head, use ``bias`` and no batch norm, and the multiplier is an exact power of two.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: extent of the square kernel.
        stride: in both directions.
        padding: on every side, or ``same`` for odd kernels.
        bias: whether a learned constant is added per channel.
        picture: whether the input is a picture of 0..255 in any dtype, scaled here by 1/256; else a real stream or
            the result of :class:`tvm_bnn.nn.Uint8Activation`.

    Raises:
        UsageError: arguments out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int | Literal["same"] = "same",
        bias: bool = False,
        picture: bool = False,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, kernel_size, stride) < 1:
            raise UsageError(
                "RealConv2d: expected positive channels, kernel and stride,"
                f" got {in_channels} -> {out_channels}, {kernel_size} and {stride}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = resolve_padding(padding, kernel_size)
        self.picture = picture
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.randn(shape) * math.sqrt(2 / math.prod(shape[1:])))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    @property
    def input_scale(self) -> float:
        """Factor applied to the input."""
        return PICTURE_SCALE if self.picture else 1.0

    def unit(self) -> Tensor:
        """Real value of one unit of the weights, the scale of the input included."""
        return int8_scale(self.weight) * self.input_scale

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with whole weights, scale, add the bias."""
        levels = int8_levels(self.weight)
        sums = functional.conv2d(x.to(levels.dtype), levels, stride=self.stride, padding=self.padding)
        scaled = sums.to(levels.dtype) * self.unit()
        return scaled if self.bias is None else scaled + self.bias.view(1, -1, 1, 1)
