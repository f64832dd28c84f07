"""Binary linear layer."""

from __future__ import annotations

from torch import Tensor

from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.product import Window, scaled_convolution


class BinaryLinear(BinaryLayer):
    """Product of few-bit activations with few-bit weights: real values [N, C] in, [N, O] out.

    As :class:`tvm_bnn.nn.BinaryConv2d`: quantises its own input, scales per output, has no bias.

    Args:
        in_features: C.
        out_features: O.
        activation_bits: 1..8.
        weight_bits: 1..2.
        bipolar: whether activation codes stand for both signs.

    Raises:
        UsageError: arguments out of range.
    """

    def __init__(
        self, in_features: int, out_features: int, activation_bits: int = 1, weight_bits: int = 1, bipolar: bool = True
    ) -> None:
        super().__init__((out_features, in_features), in_features, activation_bits, weight_bits, bipolar)
        self.in_features = in_features
        self.out_features = out_features

    def forward(self, x: Tensor) -> Tensor:
        """Quantise, multiply as integers, scale."""
        # A convolution over a map of one pixel.
        pixel, weight = self.quantiser.padded(x, 0, 0.0)[..., None, None], self.weight[..., None, None]
        return scaled_convolution(pixel, weight, self.scale, self.unit(), Window(self.weight_bits)).flatten(1)
