"""Attention over anchors in bytes: weights looked up 64 at a time, weighted values by the four-byte dot product.

Beside :mod:`tvm_bnn.lowering.pooled_attention` distances and weights are bytes here, and a vector holds four anchors
of 16 channels:

- ``keys`` int32 [N, words, S'], S' the anchors padded to vectors of 64 bytes; anchors beyond the last repeat it.
- ``distance``, ``weight`` uint8 [N, H, W, S']: 64 distances are narrowed into a vector, and one instruction picks 64
  weights from the table, which is two vectors.
- ``values`` int8 [N, S / 4, Cv / 16, 16, 4], 0 for anchors beyond the last: the accumulator
  ``acc`` [N, H, W, Cv / 16, 16] adds four products a lane, as :mod:`tvm_bnn.lowering.vnni` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import dtype_cast, llvm_call, register_vector_operator, te, tirx
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.dot_lanes import FLAG, LANES, QUAD
from tvm_bnn.lowering.pooled_attention import finished, in_vectors, odd_value, pixels, reciprocals, totals
from tvm_bnn.ops.attention import PooledAttention
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import words_for
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

BYTES = 64
"""Bytes in a vector."""

_LOOKUP_FLAG = "avx512vbmi"
_MOST_VALUE_BITS = 7
_TABLE = 2 * BYTES


class PooledAttentionDot(Lowering):
    """For :class:`PooledAttention` with whole vectors of values of a byte and a table of two vectors."""

    name = "attention-dot"
    kind = "pooled_attention"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs two instructions, and numbers that fit their bytes."""
        attention = cast(PooledAttention, operator)
        for flag in (FLAG, _LOOKUP_FLAG):
            if flag not in target.requires:
                return f"target {target.name} does not promise {flag}"
        if attention.key_channels >= _TABLE:
            return f"a table of {attention.key_channels + 1} weights is more than {_TABLE} bytes"
        if attention.value_channels % LANES:
            return f"{attention.value_channels} value channels do not fill vectors of {LANES}"
        if attention.value_bits > _MOST_VALUE_BITS:
            return f"values of {attention.value_bits} bits leave int8"
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """The table in whole vectors, then the epilogue's."""
        rest = (spec for spec in canonical_parameters(operator) if spec.name != "table")
        return (TensorSpec("table", (_TABLE,), "uint8", "parameter"), *rest)

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Lengthen the table; nothing reads what lies beyond its end."""
        return {**canonical, "table": np.pad(canonical["table"], (0, _TABLE - canonical["table"].size))}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Weights of the anchors, weighted values, quotient, then the shared epilogue."""
        attention = cast(PooledAttention, operator)
        weight = _weights(attention, _distances(attention, tensors), tensors["table"])
        accumulator = _mix(attention, weight, tensors["value"])
        reciprocal = reciprocals(attention, totals(attention, weight))
        return finished(attention, target, in_vectors(accumulator, LANES), reciprocal, tensors)


def padded_anchors(attention: PooledAttention) -> int:
    """Anchors in whole vectors of bytes."""
    return -(-attention.anchors // BYTES) * BYTES


def channel_vectors(attention: PooledAttention) -> int:
    """Vectors that hold the sums of a pixel."""
    return attention.value_channels // LANES


def _distances(attention: PooledAttention, tensors: Tensors) -> Any:
    words, anchors = words_for(attention.key_channels), padded_anchors(attention)
    last = attention.anchors - 1
    key, query = tensors["key"], tensors["query"]
    keys = te.compute((attention.batch, words, anchors), lambda n, j, s: key[n, 0, te.min(s, last), j], "keys")

    def distance(n: Expr, h: Expr, w: Expr, s: Expr) -> Expr:
        counts = [te.popcount(query[n, h, w, j] ^ keys[n, j, s]) for j in range(words)]
        return dtype_cast("uint8", sum(counts[1:], counts[0]))

    return te.compute((*pixels(attention), anchors), distance, "distance")


def _weights(attention: PooledAttention, distance: Any, table: Any) -> Any:
    anchor = te.reduce_axis((0, distance.shape[-1]), "anchor")
    least = te.compute(pixels(attention), lambda n, h, w: te.min(distance[n, h, w, anchor], axis=anchor), "least")
    low, high = (table[tirx.Ramp(start, 1, BYTES)] for start in (0, BYTES))

    def weight(n: Expr, h: Expr, w: Expr, s: Expr) -> Expr:
        return _LOOKUP(low, distance[n, h, w, s] - least[n, h, w], high)

    return te.compute((*pixels(attention), distance.shape[-1]), weight, "weight")


def _mix(attention: PooledAttention, weight: Any, value: Any) -> Any:
    quads = -(-attention.anchors // QUAD)

    def odd(n: Expr, q: Expr, vector: Expr, lane: Expr, i: Expr) -> Expr:
        anchor, channel = q * QUAD + i, vector * LANES + lane
        known = odd_value(attention, value, n, te.min(anchor, attention.anchors - 1), channel)
        return dtype_cast("int8", tirx.Select(anchor < attention.anchors, known, tirx.const(0, "int32")))

    shape = (attention.batch, quads, channel_vectors(attention), LANES, QUAD)
    values = te.compute(shape, odd, "values")
    quad, i = te.reduce_axis((0, quads), "quad"), te.reduce_axis((0, QUAD), "i")

    def mixed(n: Expr, h: Expr, w: Expr, vector: Expr, lane: Expr) -> Expr:
        left = dtype_cast("int32", weight[n, h, w, quad * QUAD + i])
        return te.sum(left * dtype_cast("int32", values[n, quad, vector, lane, i]), axis=[quad, i])

    return te.compute((*pixels(attention), channel_vectors(attention), LANES), mixed, "acc")


_LOOKUP = register_vector_operator(
    "tvm_bnn_lookup_128",
    "uint8",
    lambda low, index, high: llvm_call(f"uint8x{BYTES}", "llvm.x86.avx512.vpermi2var.qi.512", low, index, high),
)
"""Entries of a table of two vectors. It means something only once its index has become a vector of 64 bytes."""
