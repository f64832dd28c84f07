"""Integer products with the lanes of a vector over output channels: the stem and the head.

Weights are widened to int32 when packed, ``[ceil(O / lanes), kh, kw, C, lanes]``; an activation is broadcast,
multiplied and added in 32-bit lanes. Portable; the share of a network's work that runs here is a percent or two.
The accumulator stage ``acc`` is ``[N, HO, WO, 1, ceil(O / lanes), lanes]``, the axes of the popcount lanes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.real_conv2d import RealConv2d
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any


class MultiplyLanes(Lowering):
    """For every :class:`RealConv2d`."""

    name = "multiply-lanes"
    kind = "real_conv2d"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Never."""
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by lanes, then the epilogue's."""
        conv, lanes = cast(RealConv2d, operator), target.lanes
        shape = (_vectors(conv, lanes), *conv.kernel, conv.in_channels, lanes)
        own = TensorSpec("weight", shape, "int32", "parameter")
        return (own, *(spec for spec in canonical_parameters(operator) if spec.name != "weight"))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Widen, pad the output channels, put the lanes last."""
        conv, lanes = cast(RealConv2d, operator), target.lanes
        spare = _vectors(conv, lanes) * lanes - conv.out_channels
        padded = np.pad(canonical["weight"].astype(np.int32), [(0, 0)] * 3 + [(0, spare)])
        split = padded.reshape(*conv.kernel, conv.in_channels, -1, lanes)
        return {**canonical, "weight": np.ascontiguousarray(np.moveaxis(split, 3, 0))}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate by vectors, then the shared epilogue."""
        conv, lanes = cast(RealConv2d, operator), target.lanes
        accumulator = _accumulate(conv, lanes, tensors)

        def read(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
            return accumulator[n, h, w, 0, channel // lanes, channel % lanes]

        return finish(conv, target, read, tensors)


def _vectors(conv: RealConv2d, lanes: int) -> int:
    return -(-conv.out_channels // lanes)


def padded_map(conv: RealConv2d, x: Any) -> Any:
    """The map with a border of zeros, as a stage ``pad``; the map itself where there is none."""
    rows, columns = conv.padding
    if not rows and not columns:
        return x

    def element(n: Expr, h: Expr, w: Expr, c: Expr) -> Expr:
        inside = tirx.all(h >= rows, h < conv.height + rows, w >= columns, w < conv.width + columns)
        return tirx.if_then_else(inside, x[n, h - rows, w - columns, c], tirx.const(0, conv.input_dtype))

    shape = (conv.batch, conv.height + 2 * rows, conv.width + 2 * columns, conv.in_channels)
    return te.compute(shape, element, "pad")


def _accumulate(conv: RealConv2d, lanes: int, tensors: Tensors) -> Any:
    padded = padded_map(conv, tensors["x"])
    kh, kw = (te.reduce_axis((0, extent), name) for extent, name in zip(conv.kernel, ("kh", "kw"), strict=True))
    c = te.reduce_axis((0, conv.in_channels), "c")

    def product(n: Expr, h: Expr, w: Expr, block: Expr, vector: Expr, lane: Expr) -> Expr:
        x = padded[n, h * conv.stride[0] + kh, w * conv.stride[1] + kw, c]
        return te.sum(dtype_cast("int32", x) * tensors["weight"][vector, kh, kw, c, lane], axis=[kh, kw, c])

    shape = (conv.batch, *conv.output_size, 1, _vectors(conv, lanes), lanes)
    return te.compute(shape, product, "acc")
