"""Bits as bytes in the tiles of AMX.

A tile multiplies signed bytes, so activations are the integers they stand for, up to seven bits of them, and the sum
of products is the accumulator. One instruction does 16384 products. The columns of a row are rounded up to whole tiles
of 16 pixels; what the last tile computes beyond the output is not read.

It has not been run on such hardware: see :mod:`tvm_bnn.lowering.amx`.
"""

from __future__ import annotations

from typing import cast

from tvm_bnn.lowering import amx
from tvm_bnn.lowering.byte_products import ByteProducts
from tvm_bnn.lowering.expand import BLOCK, Expansion
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.targets import Target

_MOST_BITS = 7


class BinaryAmxConv2d(ByteProducts):
    """For :class:`Conv2d` without groups whose input channels fill tiles."""

    name = "binary-amx"
    kind = "conv2d"
    tiles = True

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs tiles, and operands that fill them."""
        conv = cast(Conv2d, operator)
        if amx.FLAG not in target.requires:
            return f"target {target.name} does not promise {amx.FLAG}"
        if conv.groups > 1:
            return f"a tile cannot be split into {conv.groups} groups"
        if conv.in_channels % BLOCK:
            return f"{conv.in_channels} input channels do not fill rows of {BLOCK} bytes"
        if conv.activation_bits > _MOST_BITS:
            return f"activations of {conv.activation_bits} bits do not fit signed bytes"
        return None

    def activation(self, conv: Conv2d) -> Expansion:
        """The integers that the planes stand for."""
        return values_expansion(conv)

    def columns(self, conv: Conv2d) -> int:
        """Whole tiles."""
        return tiles_of_row(conv) * amx.ROWS


def values_expansion(conv: Conv2d) -> Expansion:
    """Activation planes to signed integers."""
    low, step = (1 - 2**conv.activation_bits, 2) if conv.activation_bipolar else (0, 1)
    return Expansion(conv.activation_bits, words_for(conv.in_channels), low, step, "int8")


def tiles_of_row(conv: Conv2d) -> int:
    """Tiles of 16 pixels that hold a row of the output."""
    return -(-conv.output_size[1] // amx.ROWS)
