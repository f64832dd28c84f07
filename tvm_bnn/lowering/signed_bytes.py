"""Products of signed bytes on Advanced SIMD: the stem.

Its instructions multiply bytes of one kind only. So the picture's bytes are read as x - 128, and what that leaves out
is made up for by a constant of every output channel::

    sum(x w) = sum((x - 128) w) + 128 sum(w)

The constant goes into ``add`` of the epilogue's affine step where there is one: it is what the step yields for a
picture of 128 everywhere, so that no sum leaves int32 that did not before. The bytes that lie side by side in memory,
the taps of one kernel row and their channels, are multiplied in steps, see :mod:`tvm_bnn.lowering.neon_dot`.

Layouts: the stage ``pad`` is int8 [N, H + 2 p, (W + 2 p) C and up to three more], rows as plain bytes (what is more
only zero weights meet); weights int8 [ceil(O / lanes), kh, steps, lanes, together]; the stage ``acc`` is
[N, HO, WO, ceil(O / lanes), lanes].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.neon_dot import ByteDot, byte_dot
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.real_conv2d import RealConv2d
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

_CENTRE = 128
"""What is taken off a byte."""


class SignedBytes(Lowering):
    """For :class:`RealConv2d` of bytes."""

    name = "signed-bytes"
    kind = "real_conv2d"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs the instructions, and bytes to feed them."""
        if "asimd" not in target.requires:
            return f"target {target.name} does not promise asimd"
        dtype = cast(RealConv2d, operator).input_dtype
        return None if dtype == "uint8" else f"the instructions multiply bytes, the input is {dtype}"

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by steps and lanes, then the epilogue's."""
        conv, dot = cast(RealConv2d, operator), byte_dot(target)
        shape = (vectors(conv, dot), conv.kernel[0], _steps(conv, dot), dot.lanes, dot.together)
        own = [TensorSpec("weight", shape, "int8", "parameter")]
        if conv.epilogue.affine == "none":
            own.append(TensorSpec("base", (conv.out_channels,), "int32", "parameter"))
        return (*own, *(spec for spec in canonical_parameters(operator) if spec.name != "weight"))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Flatten kernel rows, cut them into steps, pad those and the output channels; fold the constants."""
        conv, dot = cast(RealConv2d, operator), byte_dot(target)
        rows = canonical["weight"].reshape(conv.kernel[0], -1, conv.out_channels)
        steps, filled = _steps(conv, dot), vectors(conv, dot)
        spare = (steps * dot.together - rows.shape[1], filled * dot.lanes - conv.out_channels)
        padded = np.pad(rows, [(0, 0), (0, spare[0]), (0, spare[1])])
        split = padded.reshape(conv.kernel[0], steps, dot.together, filled, dot.lanes)
        weight = np.ascontiguousarray(split.transpose(3, 0, 1, 4, 2))
        base = (_CENTRE * rows.sum(axis=(0, 1), dtype=np.int32)).astype(np.int32)
        return {**canonical, "weight": weight, **_with_base(canonical, base)}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate by steps, then the shared epilogue."""
        conv, dot = cast(RealConv2d, operator), byte_dot(target)
        accumulator = _accumulate(conv, dot, tensors)

        def read(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
            total = accumulator[n, h, w, channel // dot.lanes, channel % dot.lanes]
            return total + tensors["base"][channel] if "base" in tensors else total

        return finish(conv, target, read, tensors)


def vectors(conv: RealConv2d, dot: ByteDot) -> int:
    """Registers that the weights of all output channels fill."""
    return -(-conv.out_channels // dot.lanes)


def _with_base(canonical: Mapping[str, Array], base: Array) -> dict[str, Array]:
    """The parameters that the constants [O] change."""
    if "add" not in canonical:
        return {"base": base}
    return {"add": canonical["add"] + base * canonical.get("mul", np.int32(1))}


def _steps(conv: RealConv2d, dot: ByteDot) -> int:
    """In how many steps a kernel row is multiplied."""
    return -(-conv.kernel[1] * conv.in_channels // dot.together)


def _padded(conv: RealConv2d, dot: ByteDot, x: Any) -> Any:
    """Rows of bytes less 128, with a border that stands for zeros."""
    rows, columns = conv.padding
    channels, left = conv.in_channels, columns * conv.in_channels
    width = (conv.width + 2 * columns) * channels + dot.together - 1

    def byte(n: Expr, h: Expr, k: Expr) -> Expr:
        inside = tirx.all(h >= rows, h < conv.height + rows, k >= left, k < left + conv.width * channels)
        flat = k - left
        signed = dtype_cast("int8", x[n, h - rows, flat // channels, flat % channels] ^ tirx.const(_CENTRE, "uint8"))
        return tirx.if_then_else(inside, signed, tirx.const(-_CENTRE, "int8"))

    return te.compute((conv.batch, conv.height + 2 * rows, width), byte, "pad")


def _accumulate(conv: RealConv2d, dot: ByteDot, tensors: Tensors) -> Any:
    padded, weight = _padded(conv, dot, tensors["x"]), tensors["weight"]
    extents = zip((*weight.shape[1:3], dot.together), ("kh", "step", "i"), strict=True)
    kh, step, i = axes = [te.reduce_axis((0, extent), name) for extent, name in extents]

    def product(n: Expr, h: Expr, w: Expr, vector: Expr, lane: Expr) -> Expr:
        first = w * (conv.stride[1] * conv.in_channels)
        byte = padded[n, h * conv.stride[0] + kh, first + step * dot.together + i]
        term = dtype_cast("int32", byte) * dtype_cast("int32", weight[vector, kh, step, lane, i])
        return te.sum(term, axis=axes)

    return te.compute((conv.batch, *conv.output_size, vectors(conv, dot), dot.lanes), product, "acc")
