"""Products of bytes with the dot-product instruction of AVX-512 VNNI: the stem.

``vpdpbusd`` multiplies four unsigned by four signed bytes in each of 16 lanes and adds the four products to the lane,
exactly. The lanes run over output channels; the four bytes are neighbours in memory, for the taps of one kernel row
and their channels lie side by side in NHWC. A row of kw C bytes is padded to a multiple of four with zero weights.

Layouts: the stage ``pad`` is uint8 [N, H + 2 p, (W + 2 p) C + 3], rows as plain bytes (three more, which only zero
weights meet); weights ``[ceil(O / 16), kh, quads, 16, 4]`` int8; the stage ``acc`` is ``[N, HO, WO, 1,
ceil(O / 16), 16]``, the axes of the other lanes.
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

LANES = 16
QUAD = 4
FLAG = "avx512_vnni"


class DotLanes(Lowering):
    """For :class:`RealConv2d` of bytes."""

    name = "dot-lanes"
    kind = "real_conv2d"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs the instruction, and bytes to feed it."""
        if FLAG not in target.requires:
            return f"target {target.name} does not promise {FLAG}"
        dtype = cast(RealConv2d, operator).input_dtype
        return None if dtype == "uint8" else f"the instruction multiplies bytes, the input is {dtype}"

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """Weights by lanes and quads, then the epilogue's."""
        conv = cast(RealConv2d, operator)
        shape = (_vectors(conv), conv.kernel[0], _quads(conv), LANES, QUAD)
        own = TensorSpec("weight", shape, "int8", "parameter")
        return (own, *(spec for spec in canonical_parameters(operator) if spec.name != "weight"))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Flatten kernel rows, pad them to quads and the output channels to vectors."""
        conv = cast(RealConv2d, operator)
        rows = canonical["weight"].reshape(conv.kernel[0], -1, conv.out_channels)
        spare = (_quads(conv) * QUAD - rows.shape[1], _vectors(conv) * LANES - conv.out_channels)
        padded = np.pad(rows, [(0, 0), (0, spare[0]), (0, spare[1])])
        split = padded.reshape(conv.kernel[0], _quads(conv), QUAD, _vectors(conv), LANES)
        return {**canonical, "weight": np.ascontiguousarray(split.transpose(3, 0, 1, 4, 2))}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Accumulate by quads, then the shared epilogue."""
        conv = cast(RealConv2d, operator)
        accumulator = _accumulate(conv, tensors)

        def read(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
            return accumulator[n, h, w, 0, channel // LANES, channel % LANES]

        return finish(conv, target, read, tensors)


def _vectors(conv: RealConv2d) -> int:
    return -(-conv.out_channels // LANES)


def _quads(conv: RealConv2d) -> int:
    return -(-conv.kernel[1] * conv.in_channels // QUAD)


def _padded(conv: RealConv2d, x: Any) -> Any:
    """Rows of bytes with a border of zeros."""
    rows, columns = conv.padding
    channels, left = conv.in_channels, columns * conv.in_channels

    def byte(n: Expr, h: Expr, k: Expr) -> Expr:
        inside = tirx.all(h >= rows, h < conv.height + rows, k >= left, k < left + conv.width * channels)
        flat = k - left
        return tirx.if_then_else(inside, x[n, h - rows, flat // channels, flat % channels], tirx.const(0, "uint8"))

    shape = (conv.batch, conv.height + 2 * rows, (conv.width + 2 * columns) * channels + QUAD - 1)
    return te.compute(shape, byte, "pad")


def _accumulate(conv: RealConv2d, tensors: Tensors) -> Any:
    padded, weight = _padded(conv, tensors["x"]), tensors["weight"]
    kh, quad = te.reduce_axis((0, conv.kernel[0]), "kh"), te.reduce_axis((0, _quads(conv)), "quad")
    i = te.reduce_axis((0, QUAD), "i")

    def product(n: Expr, h: Expr, w: Expr, block: Expr, vector: Expr, lane: Expr) -> Expr:
        byte = padded[n, h * conv.stride[0] + kh, w * (conv.stride[1] * conv.in_channels) + quad * QUAD + i]
        term = dtype_cast("int32", byte) * dtype_cast("int32", weight[vector, kh, quad, lane, i])
        return te.sum(term, axis=[kh, quad, i])

    shape = (conv.batch, *conv.output_size, 1, _vectors(conv), LANES)
    return te.compute(shape, product, "acc")
