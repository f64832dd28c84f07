"""Bits as bytes in the dot-product instruction of AVX-512 VNNI.

``vpdpbusd`` multiplies unsigned by signed bytes, so activations are their codes. One instruction does 64 products,
whatever the number of activation bits up to eight; counting bits does 512 of one bit by one, so this is for
activations of several bits.
"""

from __future__ import annotations

from typing import Any, cast

from tvm_bnn.lowering.base import Tensors
from tvm_bnn.lowering.byte_products import ByteProducts, group_reason
from tvm_bnn.lowering.expand import Expansion
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.targets import Target

_FLAG = "avx512_vnni"


class BinaryDotConv2d(ByteProducts):
    """For :class:`Conv2d` with any bits; groups only where no quad and no vector crosses two of them."""

    name = "binary-dot"
    kind = "conv2d"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs the instruction, and groups that it can take whole."""
        if _FLAG not in target.requires:
            return f"target {target.name} does not promise {_FLAG}"
        return group_reason(self.convolution(operator))

    def activation(self, conv: Conv2d) -> Expansion:
        """The codes."""
        return codes_expansion(conv)


class BinaryDotDense(BinaryDotConv2d):
    """For :class:`Dense`: the rows take the place of the pixels of a map one row high."""

    kind = "dense"

    def convolution(self, operator: Operator) -> Conv2d:
        """The 1x1 convolution with the same work."""
        return cast(Dense, operator).as_conv2d()

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Multiply as the convolution, finish as the dense layer."""
        x = tensors["x"]
        return self._finished(
            operator, target, lambda _n, _h, row, j: x[row, j], lambda row, channel: (0, 0, row, channel), tensors
        )


def codes_expansion(conv: Conv2d) -> Expansion:
    """Activation planes to unsigned codes."""
    return Expansion(conv.activation_bits, words_for(conv.in_channels), 0, 1, "uint8")
