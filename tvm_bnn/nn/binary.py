"""What binary convolutions and binary linear layers have in common."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.quantise import ActivationCodes
from tvm_bnn.nn.sign import BinarySign, initial_scale, weight_codes


class BinaryLayer(nn.Module):
    """A layer of few-bit weights that quantises its own input.

    Both operands are brought to integers first, multiplied as integers, and scaled last: products and sums are exact
    in floating point below 2^24, as they are in the integer network.

    Args:
        shape: of the weights, output channels first.
        in_channels: channels of the input, all groups together.
        activation_bits: 1..8.
        weight_bits: 1..2.
        bipolar: whether activation codes stand for both signs; one bipolar bit is the sign against a learned shift.

    Raises:
        UsageError: bits out of range, or sizes that are not positive.
    """

    def __init__(
        self, shape: tuple[int, ...], in_channels: int, activation_bits: int, weight_bits: int, bipolar: bool
    ) -> None:
        super().__init__()
        if min(shape) < 1:
            raise UsageError(f"{type(self).__name__}: expected positive channels and kernel, got weights {shape}")
        if weight_bits not in (1, 2):
            raise UsageError(f"weight_bits: expected 1 or 2, got {weight_bits}")
        self.weight_bits = weight_bits
        self.quantiser: BinarySign | ActivationCodes = (
            BinarySign(in_channels)
            if activation_bits == 1 and bipolar
            else ActivationCodes(activation_bits, bipolar=bipolar)
        )
        self.weight = nn.Parameter(torch.randn(shape) * math.sqrt(2 / math.prod(shape[1:])))
        self.scale = nn.Parameter(torch.empty(shape[0]))
        self.reset_scale()

    def reset_scale(self) -> None:
        """Fit the scale to the weights, as at the start of training."""
        with torch.no_grad():
            self.scale.copy_(initial_scale(self.weight, self.weight_bits))

    @property
    def activation_bits(self) -> int:
        """Bits of the input."""
        return self.quantiser.bits

    def codes(self) -> Tensor:
        """Codes of the weights, int32."""
        return weight_codes(self.weight.detach(), self.scale.detach(), self.weight_bits).int()

    def unit(self) -> Tensor:
        """Real value [O] of one unit of the integer sum."""
        return self.scale * self.quantiser.step
