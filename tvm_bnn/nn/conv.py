"""Binary 2-D convolution."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.product import Window, scaled_convolution


class BinaryConv2d(BinaryLayer):
    """Convolution of few-bit activations with few-bit weights; real values [N, C, H, W] in, [N, O, HO, WO] out.

    The layer quantises its own input: one bipolar bit is the sign against a learned shift per channel, more bits are
    codes with a learned step. The sum is scaled by a learned factor per output channel; there is no bias, since a
    batch norm follows.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: extent of the square kernel.
        stride: in both directions.
        dilation: in both directions.
        groups: output channels of group g see the input channels of group g only.
        padding: on every side, or ``same``: the output is ceil(H / stride) x ceil(W / stride), for odd kernels.
        pad_value: what the padding holds: ``one``, the largest code (+1), or ``zero``, exactly 0.
        activation_bits: 1..8.
        weight_bits: 1..2.
        bipolar: whether activation codes stand for both signs.

    Raises:
        UsageError: arguments out of range or at odds with each other.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        padding: int | Literal["same"] = "same",
        pad_value: Literal["one", "zero"] = "one",
        activation_bits: int = 1,
        weight_bits: int = 1,
        bipolar: bool = True,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise UsageError(
                f"BinaryConv2d: expected channels that split into groups, got {in_channels} -> {out_channels}"
                f" with {groups} groups"
            )
        shape = (out_channels, in_channels // groups, kernel_size, kernel_size)
        super().__init__(shape, in_channels, activation_bits, weight_bits, bipolar)
        if min(stride, dilation) < 1:
            raise UsageError(f"BinaryConv2d: expected stride and dilation >= 1, got {stride} and {dilation}")
        if pad_value not in ("one", "zero"):
            raise UsageError(f"BinaryConv2d: expected pad_value 'one' or 'zero', got '{pad_value}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.dilation = dilation
        self.groups = groups
        self.padding = resolve_padding(padding, kernel_size, dilation)
        self.pad_value = pad_value

    def forward(self, x: Tensor) -> Tensor:
        """Quantise, pad, convolve as integers, scale."""
        fill = 2.0**self.activation_bits - 1 if self.pad_value == "one" else 0.0
        padded = self.quantiser.padded(x, self.padding, fill)
        window = Window(self.weight_bits, self.stride, self.dilation, self.groups)
        return scaled_convolution(padded, self.weight, self.scale, self.unit(), window)


def resolve_padding(padding: int | Literal["same"], kernel_size: int, dilation: int = 1) -> int:
    """Padding on every side as a number.

    Raises:
        UsageError: negative, or ``same`` with an even kernel.
    """
    if isinstance(padding, int):
        if padding < 0:
            raise UsageError(f"padding: expected 0 or more, got {padding}")
        return padding
    if padding != "same" or kernel_size % 2 == 0:
        raise UsageError(f"padding: expected a number, or 'same' and an odd kernel, got '{padding}' and {kernel_size}")
    return dilation * (kernel_size // 2)
