"""Attention over anchors in bytes of Advanced SIMD: weighted values without a multiplication for half of them.

Eight value bytes meet one weight in all lanes. A product of bytes keeps one of a Cortex-A72's two pipes busy, a
difference of bytes the other, so half of the channels are summed by either, both in 16 bits. With the value v = +1 or
-1 of bit b, the weight a, and n the number of zero bits of a channel::

    first eight of 16 channels    sum(a * 2 b)             = sum(a v) + sum(a)
    last eight                    sum(|255 (1 - b) - a|)   = sum(a v) + 255 n,  for |255 - a| = 255 - a

What is too much is taken off afterwards. Sums may wrap round on the way, modulo 2^16, for what they stand for fits 16
bits.

- ``keys`` int32 [N, words, S'], S' the anchors padded to vectors of 16; anchors beyond the last repeat it.
- ``distance``, ``weight`` uint8 [N, H, W, S']: a weight is looked up in a table of up to eight registers. The distance
  of anchors beyond the last is 255 (``beyond`` [S']), which is in no table: their weight is 0.
- ``values`` uint8 [N, S, Cv / 16, 2, 8], ``excess`` int16 [N, Cv]: 255 n where it belongs, else 0.
- ``acc`` uint16 [N, H, W, Cv / 16, 2, 8].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from tvm_bnn._tvm import dtype_cast, llvm_call, register_vector_operator, te, tirx
from tvm_bnn.lowering.base import Array, Lowering, Tensors, canonical_parameters
from tvm_bnn.lowering.byte_counts import differing_bits, sum_of_bytes
from tvm_bnn.lowering.pooled_attention import finished, pixels, reciprocals, sum_dtype
from tvm_bnn.ops.attention import WEIGHT_MAX, PooledAttention
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import WORD_BITS, words_for
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any

LANES = 16
"""Bytes in a register."""

HALF = LANES // 2
"""Channels that are summed in the same way."""

_TABLE = 4 * LANES
"""Entries that one instruction looks up in."""


class PooledAttentionBytes(Lowering):
    """For :class:`PooledAttention` with whole registers of values of a bit and a table of two instructions."""

    name = "attention-bytes"
    kind = "pooled_attention"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Needs the instructions, and numbers that fit their bytes."""
        attention = cast(PooledAttention, operator)
        if "asimd" not in target.requires:
            return f"target {target.name} does not promise asimd"
        if attention.key_channels >= 2 * _TABLE:
            return f"a table of {attention.key_channels + 1} weights is more than {2 * _TABLE} bytes"
        if attention.value_channels % LANES:
            return f"{attention.value_channels} value channels do not fill vectors of {LANES}"
        return self._declines_values(attention, target)

    def _declines_values(self, attention: PooledAttention, target: Target) -> str | None:
        """Why these values cannot be weighted, or None."""
        if attention.value_bits > 1:
            return f"values of {attention.value_bits} bits are not +1 or -1"
        if sum_dtype(attention) != "int16":
            return f"sums of {attention.anchors} weights leave 16 bits"
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """The table in whole registers, then the epilogue's."""
        rest = (spec for spec in canonical_parameters(operator) if spec.name != "table")
        return (TensorSpec("table", (_table_size(operator),), "uint8", "parameter"), *rest)

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Lengthen the table; nothing reads what lies beyond its end."""
        return {**canonical, "table": np.pad(canonical["table"], (0, _table_size(operator) - canonical["table"].size))}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Weights of the anchors, weighted values, quotient, then the shared epilogue."""
        attention = cast(PooledAttention, operator)
        weight = _weights(attention, _distances(attention, target, tensors), tensors["table"])
        total = _total(attention, weight)
        numerator = self._numerator(attention, weight, total, tensors["value"])
        return finished(attention, target, numerator, reciprocals(attention, total), tensors)

    def _numerator(self, attention: PooledAttention, weight: Any, total: Any, value: Any) -> Callable[..., Expr]:
        """Sums of weighted values as int32 by (n, h, w, channel)."""
        sums, excess = _mix(attention, weight, value), _excess(attention, value)

        def numerator(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
            held = dtype_cast("int16", sums[n, h, w, channel // LANES, channel % LANES // HALF, channel % HALF])
            mask = tirx.Select(_is_multiplied(channel), tirx.const(-1, "int16"), tirx.const(0, "int16"))
            multiplied = dtype_cast("int16", total[n, h, w]) & mask
            return dtype_cast("int32", held - excess[n, channel] - multiplied)

        return numerator


def channel_vectors(attention: PooledAttention) -> int:
    """Vectors that hold the values of an anchor."""
    return attention.value_channels // LANES


def _table_size(operator: Operator) -> int:
    entries = cast(PooledAttention, operator).key_channels + 1
    return max(_TABLE, -(-entries // LANES) * LANES)


def _is_multiplied(channel: Expr) -> Expr:
    """Whether a channel is summed by products."""
    return channel % LANES < HALF


def _distances(attention: PooledAttention, target: Target, tensors: Tensors) -> Any:
    words, anchors = words_for(attention.key_channels), -(-attention.anchors // LANES) * LANES
    last = attention.anchors - 1
    key, query = tensors["key"], tensors["query"]
    keys = te.compute((attention.batch, words, anchors), lambda n, j, s: key[n, 0, te.min(s, last), j], "keys")
    beyond = te.compute(
        (anchors,), lambda s: tirx.Select(s > last, tirx.const(255, "uint8"), tirx.const(0, "uint8")), "beyond"
    )

    def distance(n: Expr, h: Expr, w: Expr, s: Expr) -> Expr:
        counts = [differing_bits(query[n, h, w, j], keys[n, j, s]) for j in range(words)]
        return dtype_cast("uint8", sum_of_bytes(sum(counts[1:], counts[0]), words, target)) | beyond[s]

    return te.compute((*pixels(attention), anchors), distance, "distance")


def _weights(attention: PooledAttention, distance: Any, table: Any) -> Any:
    vector = te.reduce_axis((0, distance.shape[-1] // LANES), "vector")
    least_lane = te.compute(
        (*pixels(attention), LANES),
        lambda n, h, w, i: te.min(distance[n, h, w, vector * LANES + i], axis=vector),
        "least_lane",
    )
    least = te.compute(
        pixels(attention), lambda n, h, w: _across("uint8", "umin", least_lane[n, h, w, _LANE_RAMP]), "least"
    )
    registers = [table[tirx.Ramp(start, 1, LANES)] for start in range(0, int(table.shape[0]), LANES)]

    def weight(n: Expr, h: Expr, w: Expr, s: Expr) -> Expr:
        return _LOOKUP(distance[n, h, w, s] - least[n, h, w], *registers)

    return te.compute((*pixels(attention), distance.shape[-1]), weight, "weight")


def _total(attention: PooledAttention, weight: Any) -> Any:
    """Sums of the weights as int32."""
    dtype = "uint16" if WEIGHT_MAX * attention.anchors < 2**16 else "uint32"
    vector = te.reduce_axis((0, weight.shape[-1] // LANES), "vector")
    total_lane = te.compute(
        (*pixels(attention), LANES),
        lambda n, h, w, i: te.sum(dtype_cast(dtype, weight[n, h, w, vector * LANES + i]), axis=vector),
        "total_lane",
    )
    return te.compute(
        pixels(attention),
        lambda n, h, w: dtype_cast("int32", _across(dtype, "add", total_lane[n, h, w, _LANE_RAMP])),
        "total",
    )


def _across(dtype: str, operation: str, lanes: Expr) -> Expr:
    """All lanes of a vector in one."""
    return llvm_call(dtype, f"llvm.vector.reduce.{operation}", lanes)


def _mix(attention: PooledAttention, weight: Any, value: Any) -> Any:
    def byte(n: Expr, s: Expr, vector: Expr, half: Expr, lane: Expr) -> Expr:
        bit = _bit(value, n, s, vector * LANES + half * HALF + lane)
        return dtype_cast("uint8", tirx.Select(half == 0, 2 * bit, WEIGHT_MAX * (1 - bit)))

    shape = (channel_vectors(attention), 2, HALF)
    values = te.compute((attention.batch, attention.anchors, *shape), byte, "values")
    anchor = te.reduce_axis((0, attention.anchors), "s")

    def mixed(n: Expr, h: Expr, w: Expr, vector: Expr, half: Expr, lane: Expr) -> Expr:
        operands = weight[n, h, w, anchor], values[n, anchor, vector, half, lane]
        return te.sum(tirx.if_then_else(half == 0, _PRODUCT(*operands), _DIFFERENCE(*operands)), axis=anchor)

    return te.compute((*pixels(attention), *shape), mixed, "acc")


def _excess(attention: PooledAttention, value: Any) -> Any:
    anchor = te.reduce_axis((0, attention.anchors), "s")

    def zeros(n: Expr, channel: Expr) -> Expr:
        return te.sum(dtype_cast("int16", 1 - _bit(value, n, anchor, channel)), axis=anchor)

    shape = (attention.batch, attention.value_channels)
    count = te.compute(shape, zeros, "zeros")
    none, each = tirx.const(0, "int16"), tirx.const(WEIGHT_MAX, "int16")
    return te.compute(
        shape, lambda n, channel: tirx.Select(_is_multiplied(channel), none, count[n, channel] * each), "excess"
    )


def _bit(value: Any, n: Expr, anchor: Expr, channel: Expr) -> Expr:
    return value[n, 0, anchor, channel // WORD_BITS] >> (channel % WORD_BITS) & 1


def _product(weight: Expr, value: Expr) -> Expr:
    return llvm_call(f"uint16x{HALF}", "llvm.aarch64.neon.umull", weight, value)


def _difference(weight: Expr, value: Expr) -> Expr:
    octets = llvm_call(f"uint8x{HALF}", "llvm.aarch64.neon.uabd", weight, value)
    return dtype_cast(f"uint16x{HALF}", octets)


def _looked_up(index: Expr, *registers: Expr) -> Expr:
    """Entries of the table: those beyond four registers are found by a second instruction, which leaves the others."""
    size, octets = _TABLE // LANES, f"uint8x{LANES}"
    first = llvm_call(octets, f"llvm.aarch64.neon.tbl{size}", *registers[:size], index)
    rest = registers[size:]
    if not rest:
        return first
    beyond = index - tirx.Broadcast(tirx.const(_TABLE, "uint8"), LANES)
    return llvm_call(octets, f"llvm.aarch64.neon.tbx{len(rest)}", first, *rest, beyond)


_LANE_RAMP = tirx.Ramp(0, 1, LANES)

_PRODUCT = register_vector_operator("tvm_bnn_byte_product", "uint16", _product)
_DIFFERENCE = register_vector_operator("tvm_bnn_byte_difference", "uint16", _difference)
_LOOKUP = register_vector_operator("tvm_bnn_neon_lookup", "uint8", _looked_up)
"""They mean something only once their operands have become vectors, of half a register and of a whole one."""
