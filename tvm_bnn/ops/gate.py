"""Channels of a map scaled by the sigmoid of one logit a channel."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.ops.base import Cost
from tvm_bnn.ops.stream import StreamOperator
from tvm_bnn.ops.tensors import Array, TensorSpec

FACTOR_MAX = 255
"""Largest factor, in units of 1/256."""


@dataclass(frozen=True)
class ChannelGate(StreamOperator):
    """``x`` int16 [N, H, W, C] times a factor per picture and channel: the accumulator is 256 times the product.

    ``gate`` uint8 [N, 1, 1, C] holds logits as places in ``table`` uint8 [256]::

        accumulator[n, h, w, c] = x[n, h, w, c] table[gate[n, 0, 0, c]]

    ``freeze`` uses :func:`sigmoid_table`: byte i stands for the logit (i - 128) / 16, and the table holds its sigmoid
    in units of 1/256, min(255, round(256 sigmoid((i - 128) / 16))).

    Raises:
        ValueError: where a field has no meaning.
    """

    kind: ClassVar[str] = "channel_gate"

    def operands(self) -> tuple[TensorSpec, ...]:
        """The stream, the logits and the table."""
        gate = TensorSpec("gate", (self.batch, 1, 1, self.channels), "uint8", "data")
        return (*super().operands(), gate, TensorSpec("table", (256,), "uint8", "parameter"))

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, H, W, C]."""
        return self.batch, self.height, self.width, self.channels

    def accumulator_bound(self) -> int:
        """255 times the largest magnitude of int16."""
        return FACTOR_MAX * 2**15

    def accumulate(self, *operands: Array) -> Array:
        """Look up, multiply."""
        x, gate, table = operands
        return x.astype(np.int32) * table[gate].astype(np.int32)

    def cost(self) -> Cost:
        """No multiply-accumulates; one look-up, which stands for an exponential, a picture and channel."""
        return Cost(other=self.batch * self.channels)


def sigmoid_table() -> NDArray[np.uint8]:
    """min(255, round(256 sigmoid((i - 128) / 16))) for i = 0 .. 255; the same bytes on every machine."""
    # Correctly rounded decimals: the last bit of a C library's exp differs from machine to machine.
    context = decimal.Context(prec=50)

    def factor(index: int) -> int:
        logit = context.divide(decimal.Decimal(index - 128), decimal.Decimal(16))
        sigmoid = context.divide(decimal.Decimal(1), context.add(decimal.Decimal(1), context.exp(-logit)))
        return min(FACTOR_MAX, round(context.multiply(decimal.Decimal(256), sigmoid)))

    return np.array([factor(index) for index in range(256)], np.uint8)
