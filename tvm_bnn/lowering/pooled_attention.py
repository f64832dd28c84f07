"""Attention over anchors, pixel by pixel: the lanes run over anchors for the scores and over channels for the values.

Keys and values are few and met by every pixel, so they are laid out anew inside the function, once a call:

- ``keys`` int32 [N, words, S padded to the lanes]: a query word is broadcast and meets one anchor a lane. Anchors
  beyond the last repeat it, which leaves the least distance as it is; nothing else reads them.
- ``values`` [N, S, vectors, lanes]: the odd integers themselves. The lanes are 16 bits wide where no sum of weighted
  values leaves 16 bits, so that a vector holds twice as many, else 32.

What is between, the distances and weights of a tile of pixels (``distance``, ``least_lane``, ``least``, ``weight``,
``total``, ``reciprocal``) and their sums ``acc`` [N, H, W, vectors, lanes], is computed beside its use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.base import Tensors
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.plain import Plain
from tvm_bnn.ops.attention import ACCUMULATOR_SHIFT, WEIGHT_MAX, PooledAttention
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import WORD_BITS, words_for
from tvm_bnn.targets import Target

Expr = Any


class PooledAttentionLanes(Plain):
    """For every :class:`PooledAttention`."""

    name = "pooled-attention"
    kind = "pooled_attention"

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Weights of the anchors, weighted values, quotient, then the shared epilogue."""
        attention, lanes = cast(PooledAttention, operator), value_lanes(cast(PooledAttention, operator), target)
        weight = _weights(attention, _distances(attention, target.lanes, tensors), target.lanes, tensors["table"])
        accumulator = _mix(attention, lanes, weight, tensors["value"])
        reciprocal = reciprocals(attention, totals(attention, weight))
        return finished(attention, target, in_vectors(accumulator, lanes), reciprocal, tensors)


def finished(
    attention: PooledAttention, target: Target, numerator: Callable[..., Expr], reciprocal: Any, tensors: Tensors
) -> list[Any]:
    """The outputs, from sums of weighted values as int32 by (n, h, w, channel) and reciprocals [N, H, W]."""

    def read(n: Expr, h: Expr, w: Expr, channel: Expr) -> Expr:
        return (numerator(n, h, w, channel) * reciprocal[n, h, w]) >> ACCUMULATOR_SHIFT

    return finish(attention, target, read, tensors)


def in_vectors(sums: Any, lanes: int) -> Callable[..., Expr]:
    """Sums [N, H, W, vectors, lanes] as int32 by (n, h, w, channel)."""
    return lambda n, h, w, channel: dtype_cast("int32", sums[n, h, w, channel // lanes, channel % lanes])


def sum_dtype(attention: PooledAttention) -> str:
    """Of weights, values and the sums of their products."""
    largest = WEIGHT_MAX * attention.anchors * attention.value_magnitude
    return "int16" if largest < 2**15 else "int32"


def value_lanes(attention: PooledAttention, target: Target) -> int:
    """Values in one vector."""
    return target.lanes * (2 if sum_dtype(attention) == "int16" else 1)


def value_vectors(attention: PooledAttention, target: Target) -> int:
    """Vectors that hold the values of an anchor."""
    return -(-attention.value_channels // value_lanes(attention, target))


def _distances(attention: PooledAttention, lanes: int, tensors: Tensors) -> Any:
    """Hamming distances of every pixel to every anchor, the anchors padded to whole vectors."""
    words, anchors = words_for(attention.key_channels), -(-attention.anchors // lanes) * lanes
    last = attention.anchors - 1
    key, query = tensors["key"], tensors["query"]
    keys = te.compute((attention.batch, words, anchors), lambda n, j, s: key[n, 0, te.min(s, last), j], "keys")

    def distance(n: Expr, h: Expr, w: Expr, s: Expr) -> Expr:
        total: Expr = te.popcount(query[n, h, w, 0] ^ keys[n, 0, s])
        for j in range(1, words):
            total = total + te.popcount(query[n, h, w, j] ^ keys[n, j, s])
        return total

    return te.compute((*pixels(attention), anchors), distance, "distance")


def _weights(attention: PooledAttention, distance: Any, lanes: int, table: Any) -> Any:
    """Table entries by how much farther than the nearest an anchor is."""
    vector, lane = te.reduce_axis((0, distance.shape[-1] // lanes), "vector"), te.reduce_axis((0, lanes), "lane")
    least_lane = te.compute(
        (*pixels(attention), lanes),
        lambda n, h, w, i: te.min(distance[n, h, w, vector * lanes + i], axis=vector),
        "least_lane",
    )
    least = te.compute(pixels(attention), lambda n, h, w: te.min(least_lane[n, h, w, lane], axis=lane), "least")

    def weight(n: Expr, h: Expr, w: Expr, s: Expr) -> Expr:
        return dtype_cast(sum_dtype(attention), table[distance[n, h, w, s] - least[n, h, w]])

    return te.compute((*pixels(attention), attention.anchors), weight, "weight")


def totals(attention: PooledAttention, weight: Any) -> Any:
    """Sums of the weights [N, H, W, S or more]; those beyond the last anchor do not count."""
    held = weight.shape[-1]
    anchor = te.reduce_axis((0, held), "anchor")

    def counted(n: Expr, h: Expr, w: Expr) -> Expr:
        one = dtype_cast("int32", weight[n, h, w, anchor])
        real = (
            one if held == attention.anchors else tirx.Select(anchor < attention.anchors, one, tirx.const(0, "int32"))
        )
        return te.sum(real, axis=anchor)

    return te.compute(pixels(attention), counted, "total")


def reciprocals(attention: PooledAttention, total: Any) -> Any:
    """2^E over the sums of the weights [N, H, W], rounded."""

    def reciprocal(n: Expr, h: Expr, w: Expr) -> Expr:
        denominator = te.max(total[n, h, w], 1)
        return tirx.truncdiv(2**attention.reciprocal_bits + (denominator >> 1), denominator)

    return te.compute(pixels(attention), reciprocal, "reciprocal")


def _mix(attention: PooledAttention, lanes: int, weight: Any, value: Any) -> Any:
    """Sums of weighted values."""
    values = _values(attention, lanes, value)
    anchor = te.reduce_axis((0, attention.anchors), "s")

    def mixed(n: Expr, h: Expr, w: Expr, vector: Expr, lane: Expr) -> Expr:
        return te.sum(weight[n, h, w, anchor] * values[n, anchor, vector, lane], axis=anchor)

    return te.compute((*pixels(attention), values.shape[-2], lanes), mixed, "acc")


def _values(attention: PooledAttention, lanes: int, value: Any) -> Any:
    """The odd integers that the bit planes stand for; channels are padded to whole vectors, which whole words cover."""
    vectors = -(-attention.value_channels // lanes)

    def odd(n: Expr, s: Expr, vector: Expr, lane: Expr) -> Expr:
        return dtype_cast(sum_dtype(attention), odd_value(attention, value, n, s, vector * lanes + lane))

    return te.compute((attention.batch, attention.anchors, vectors, lanes), odd, "values")


def odd_value(attention: PooledAttention, value: Any, n: Expr, anchor: Expr, channel: Expr) -> Expr:
    """One value as int32, from its bit planes."""
    words = words_for(attention.value_channels)
    total: Expr = tirx.const(-attention.value_magnitude, "int32")
    for plane in range(attention.value_bits):
        word = value[n, 0, anchor, plane * words + channel // WORD_BITS]
        total = total + (((word >> (channel % WORD_BITS)) & 1) << (plane + 1))
    return total


def pixels(attention: PooledAttention) -> tuple[int, int, int]:
    """Shape of the map."""
    return attention.batch, attention.height, attention.width
