"""Products of 16-bit integers summed along the input channels: the head.

With few output channels there are no lanes to fill with them, so a vector runs along a pixel's channels instead:
``acc[n, h, w, o] = sum over kh, kw of a dot product of C neighbours in memory``. Written as a plain loop over int16
that compilers turn into their pairwise multiply-add (``vpmaddwd``, ``smlal``). Weights ``[O, kh, kw, C]`` int16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import dtype_cast, te
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.multiply_lanes import padded_map
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.real_conv2d import RealConv2d
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

_FEWEST_CHANNELS = 16


class MultiplyRows(Lowering):
    """For :class:`RealConv2d` with channels enough for a vector."""

    name = "multiply-rows"
    kind = "real_conv2d"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """A row must fill a vector."""
        channels = cast(RealConv2d, operator).in_channels
        return None if channels >= _FEWEST_CHANNELS else f"rows of {channels} channels do not fill a vector"

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by output channel, then the epilogue's."""
        conv = cast(RealConv2d, operator)
        own = TensorSpec("weight", (conv.out_channels, *conv.kernel, conv.in_channels), "int16", "parameter")
        return (own, *(spec for spec in canonical_parameters(operator) if spec.name != "weight"))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Output channels first, widened."""
        weight = np.moveaxis(canonical["weight"], -1, 0).astype(np.int16)
        return {**canonical, "weight": np.ascontiguousarray(weight)}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Dot products, then the shared epilogue."""
        conv = cast(RealConv2d, operator)
        padded, weight = padded_map(conv, tensors["x"]), tensors["weight"]
        extents = zip((*conv.kernel, conv.in_channels), ("kh", "kw", "c"), strict=True)
        kh, kw, c = (te.reduce_axis((0, extent), name) for extent, name in extents)

        def dot(n: Expr, h: Expr, w: Expr, o: Expr) -> Expr:
            x = padded[n, h * conv.stride[0] + kh, w * conv.stride[1] + kw, c]
            return te.sum(dtype_cast("int32", x) * dtype_cast("int32", weight[o, kh, kw, c]), axis=[kh, kw, c])

        accumulator = te.compute(conv.accumulator_shape(), dot, "acc")
        return finish(conv, target, lambda *index: accumulator[index], tensors)
