"""Attention over anchors in bytes, weighted values by the dot product of Advanced SIMD.

Distances and weights are those of :mod:`tvm_bnn.lowering.attention_bytes`. Four weights meet the codes of four anchors
for each of four channels, and as a value is v = 2 code - (2^B - 1)::

    sum(a v) = 2 sum(a code) - (2^B - 1) sum(a)

- ``codes`` uint8 [N, ceil(S / 4), Cv / 4, 4, 4], the last axis being anchors.
- ``acc`` int32 [N, H, W, Cv / 4, 4].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm_bnn._tvm import dtype_cast, te
from tvm_bnn.lowering.attention_bytes import PooledAttentionBytes
from tvm_bnn.lowering.neon_dot import UNSIGNED_QUADS
from tvm_bnn.lowering.pooled_attention import odd_value, pixels
from tvm_bnn.ops.attention import PooledAttention
from tvm_bnn.targets import Target

Expr = Any

LANES, QUAD = UNSIGNED_QUADS.lanes, UNSIGNED_QUADS.together


class PooledAttentionQuads(PooledAttentionBytes):
    """For :class:`PooledAttention` with whole registers of values and a table of two instructions."""

    name = "attention-quads"

    def _declines_values(self, attention: PooledAttention, target: Target) -> str | None:
        """Needs the instruction."""
        return None if "asimddp" in target.requires else f"target {target.name} does not promise asimddp"

    def _numerator(self, attention: PooledAttention, weight: Any, total: Any, value: Any) -> Callable[..., Expr]:
        sums = _mix(attention, weight, value)

        def numerator(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
            return 2 * sums[n, h, w, channel // LANES, channel % LANES] - attention.value_magnitude * total[n, h, w]

        return numerator


def channel_vectors(attention: PooledAttention) -> int:
    """Vectors that hold the sums of a pixel."""
    return attention.value_channels // LANES


def _mix(attention: PooledAttention, weight: Any, value: Any) -> Any:
    quads = -(-attention.anchors // QUAD)

    def code(n: Expr, q: Expr, vector: Expr, lane: Expr, i: Expr) -> Expr:
        # What weights of 0 meet does not matter.
        anchor = te.min(q * QUAD + i, attention.anchors - 1)
        odd = odd_value(attention, value, n, anchor, vector * LANES + lane)
        return dtype_cast("uint8", (odd + attention.value_magnitude) >> 1)

    codes = te.compute((attention.batch, quads, channel_vectors(attention), LANES, QUAD), code, "codes_of_values")
    quad, i = te.reduce_axis((0, quads), "quad"), te.reduce_axis((0, QUAD), "i")

    def mixed(n: Expr, h: Expr, w: Expr, vector: Expr, lane: Expr) -> Expr:
        left = dtype_cast("int32", weight[n, h, w, quad * QUAD + i])
        return te.sum(left * dtype_cast("int32", codes[n, quad, vector, lane, i]), axis=[quad, i])

    return te.compute((*pixels(attention), channel_vectors(attention), LANES), mixed, "acc")
