"""Attention over anchors on the tensor cores of a GPU, in one kernel: scores by bits, weighted values by bytes.

A warp has 16 pixels, two rows of the map by 8 columns, and of every 32 anchors each of four threads has 8 neighbours:

- ``queries`` int32 [N, steps, H / 2, W, 2, 8] and ``keys`` int32 [N, steps, S / 32, 4, 4, 2, 8] are met by ``xor``.
  Where the hardware has ``and`` only, a query is followed by its complement and a key preceded by its own:
  P(q & ~k) + P(~q & k) = P(q ^ k). Words beyond the last are 0. Anchors beyond the last repeat it, which leaves the
  least distance as it is.
- ``distance`` int32 [N, H / 2, W, 4, S / 32, 8, 2] by thread, block of anchors, anchor of the thread and row stays in
  registers, as do the least of a thread (``least_lane`` [N, H / 2, W, 4, 2]) and that of its group (``least``).
- ``weight`` int32 [N, S / 32, H / 2, W, 2, 8]: four weights a word, 0 for anchors beyond the last. A thread reads from
  shared memory the words that it has written there.
- ``values`` int32 [N, Cv / 64, 8, S / 32, 4, 2, 8]: the codes of four anchors a word, channels in the order of
  :mod:`tvm_bnn.lowering.mma_conv`. The odd integers are v = 2 code - (2^B - 1), so with ``acc``
  [N, H / 2, W, Cv / 64, 4, 16, 2] the sum of weighted codes and ``total`` that of the weights the numerator of
  ``quotient`` is 2 acc - (2^B - 1) total; ``accumulator`` [N, H / 2, W, Cv, 2] is the same with one axis of channels.

The axis of four threads stands for what each of them holds: ``least`` and ``total`` exchange it within the group by
functions that to TVM have one argument, and are the same in all four.
"""

from __future__ import annotations

from typing import Any, cast

from tvm_bnn._tvm import add_cuda_helper, dtype_cast, te, tirx
from tvm_bnn.lowering import mma
from tvm_bnn.lowering.base import Tensors
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.mma_conv import HELD, TILES, padded_size
from tvm_bnn.lowering.plain import Plain
from tvm_bnn.ops.attention import ACCUMULATOR_SHIFT, PooledAttention
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, WORD_BITS, words_for
from tvm_bnn.targets import Target

Expr = Any

ANCHORS = mma.WORDS * mma.BYTES
"""Anchors of a step of the product with values."""

OWN = ANCHORS // mma.THREADS
"""Of them those of a thread."""

MOST_BLOCKS = 8
"""Blocks of anchors whose distances a thread can hold: 16 registers each."""

_SOURCE = r"""
/* The four threads of a group exchange what each has. */
static __device__ __forceinline__ int tvm_bnn_group_least(int x) {
  x = min(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return min(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
static __device__ __forceinline__ int tvm_bnn_group_sum(int x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}
"""


class AttentionMma(Plain):
    """For :class:`PooledAttention` with values in multiples of 64 channels."""

    name = "attention-mma"
    kind = "pooled_attention"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """The instructions have no ragged ends, and a thread has so many registers."""
        attention = cast(PooledAttention, operator)
        if target.cuda is None or not target.cuda.has_binary_tensor_cores:
            return "no tensor cores for single bits"
        if attention.value_channels % CHANNEL_ALIGNMENT:
            return f"{attention.value_channels} value channels are no multiple of {CHANNEL_ALIGNMENT}"
        if anchor_blocks(attention) > MOST_BLOCKS:
            return f"{attention.anchors} anchors are more than {MOST_BLOCKS * ANCHORS}"
        return None

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Distances, weights, weighted values, quotient, then the shared epilogue."""
        attention = cast(PooledAttention, operator)
        weight = _weights(attention, _distances(attention, target, tensors), tensors["table"])
        acc = _mix(attention, weight, tensors["value"])
        total = _totals(attention, weight)
        reciprocal = _reciprocals(attention, total)

        def quotient(n: Expr, h: Expr, w: Expr, o: Expr, t: Expr, c: Expr, i: Expr) -> Expr:
            numerator = 2 * acc[n, h, w, o, t, c, i] - attention.value_magnitude * total[n, h, w, t, i]
            return (numerator * reciprocal[n, h, w, t, i]) >> ACCUMULATOR_SHIFT

        quotients = te.compute(acc.shape, quotient, "quotient")

        def flat(n: Expr, h: Expr, w: Expr, c: Expr, i: Expr) -> Expr:
            return quotients[n, h, w, c // CHANNEL_ALIGNMENT, c % CHANNEL_ALIGNMENT // HELD, c % HELD, i]

        shape = (*pixels(attention), attention.value_channels, 2)
        accumulators = te.compute(shape, flat, "accumulator")

        def accumulator(n: Expr, h: Expr, w: Expr, c: Expr) -> Expr:
            return accumulators[n, h // 2, w, c, h % 2]

        return finish(attention, target, accumulator, tensors, by_octets=True)


def anchor_blocks(attention: PooledAttention) -> int:
    """Steps of the product with values."""
    return -(-attention.anchors // ANCHORS)


def key_steps(attention: PooledAttention, target: Target) -> int:
    """Steps of the product with keys."""
    return -(-_key_words(attention, target) // mma.WORDS)


def operation(target: Target) -> mma.Operation:
    """What multiplies queries and keys."""
    return mma.native(target)


def pixels(attention: PooledAttention) -> tuple[int, int, int]:
    """Shape of the map by warps: pairs of rows, whole groups of columns."""
    return (attention.batch, *padded_size(attention.height, attention.width))


def _key_words(attention: PooledAttention, target: Target) -> int:
    return words_for(attention.key_channels) * (2 if operation(target) == "and" else 1)


def _distances(attention: PooledAttention, target: Target, tensors: Tensors) -> Any:
    """Hamming distances by the thread that has them."""
    queries, keys = _queries(attention, target, tensors["query"]), _keys(attention, target, tensors["key"])
    s, k = te.reduce_axis((0, key_steps(attention, target)), "s"), te.reduce_axis((0, mma.WORDS), "k")

    def distance(n: Expr, h: Expr, w: Expr, t: Expr, m: Expr, r: Expr, i: Expr) -> Expr:
        column = keys[n, s, m, r // 2, t, r % 2, k]
        return te.sum(mma.product(operation(target), queries[n, s, h, w, i, k], column), axis=[s, k])

    shape = (*pixels(attention), mma.THREADS, anchor_blocks(attention), OWN, 2)
    return te.compute(shape, distance, "distance")


def _queries(attention: PooledAttention, target: Target, query: Any) -> Any:
    words, total = words_for(attention.key_channels), _key_words(attention, target)

    def word(n: Expr, s: Expr, h: Expr, w: Expr, i: Expr, k: Expr) -> Expr:
        place, row = s * mma.WORDS + k, h * 2 + i
        inside = tirx.all(place < total, row < attention.height, w < attention.width)
        held = query[n, row, w, place % words]
        return tirx.if_then_else(inside, tirx.Select(place < words, held, ~held), tirx.const(0, "int32"))

    n, h, w = pixels(attention)
    return te.compute((n, key_steps(attention, target), h, w, 2, mma.WORDS), word, "queries")


def _keys(attention: PooledAttention, target: Target, key: Any) -> Any:
    words, total = words_for(attention.key_channels), _key_words(attention, target)

    def word(n: Expr, s: Expr, m: Expr, part: Expr, t: Expr, j: Expr, k: Expr) -> Expr:
        place = s * mma.WORDS + k
        held = key[n, 0, te.min(m * ANCHORS + t * OWN + part * 2 + j, attention.anchors - 1), place % words]
        complement = tirx.Select(place < total - words, ~held, held)
        return tirx.if_then_else(place < total, complement, tirx.const(0, "int32"))

    steps, blocks = key_steps(attention, target), anchor_blocks(attention)
    shape = (attention.batch, steps, blocks, OWN // 2, mma.THREADS, 2, mma.WORDS)
    return te.compute(shape, word, "keys")


def _weights(attention: PooledAttention, distance: Any, table: Any) -> Any:
    """Table entries by how much farther than the nearest an anchor is, four a word."""
    m, r = te.reduce_axis((0, anchor_blocks(attention)), "m"), te.reduce_axis((0, OWN), "r")
    lanes = (*pixels(attention), mma.THREADS, 2)
    least_lane = te.compute(
        lanes, lambda n, h, w, t, i: te.min(distance[n, h, w, t, m, r, i], axis=[m, r]), "least_lane"
    )
    least = te.compute(lanes, lambda *index: _of_group("least", least_lane[index]), "least")
    entries = te.compute(table.shape, lambda j: table[j], "entries")

    def byte(index: tuple[Expr, ...], b: int) -> Expr:
        n, m, h, w, i, k = index
        t, own = k // 2, k % 2 * mma.BYTES + b
        entry = dtype_cast("int32", entries[distance[n, h, w, t, m, own, i] - least[n, h, w, t, i]])
        exists = m * ANCHORS + k * mma.BYTES + b < attention.anchors
        return tirx.Select(exists, entry, tirx.const(0, "int32"))

    def word(*index: Expr) -> Expr:
        return _word([byte(index, b) for b in range(mma.BYTES)])

    n, h, w = pixels(attention)
    return te.compute((n, anchor_blocks(attention), h, w, 2, mma.WORDS), word, "weight")


def _word(parts: list[Expr]) -> Expr:
    """Four bytes as a word."""
    first, *rest = (part << (8 * b) if b else part for b, part in enumerate(parts))
    for part in rest:
        first = first | part
    return first


def _mix(attention: PooledAttention, weight: Any, value: Any) -> Any:
    """Sums of weighted codes."""
    values = _values(attention, value)
    m, k = te.reduce_axis((0, anchor_blocks(attention)), "m"), te.reduce_axis((0, mma.WORDS), "k")

    def mixed(n: Expr, h: Expr, w: Expr, o: Expr, t: Expr, c: Expr, i: Expr) -> Expr:
        column = values[n, o, c // 2, m, t, c % 2, k]
        return te.sum(mma.product("u8", weight[n, m, h, w, i, k], column), axis=[m, k])

    blocks = attention.value_channels // CHANNEL_ALIGNMENT
    return te.compute((*pixels(attention), blocks, mma.THREADS, HELD, 2), mixed, "acc")


def _values(attention: PooledAttention, value: Any) -> Any:
    words = words_for(attention.value_channels)

    def code(n: Expr, anchor: Expr, c: Expr) -> Expr:
        total: Expr = 0
        for plane in range(attention.value_bits):
            bit = (value[n, 0, anchor, plane * words + c // WORD_BITS] >> (c % WORD_BITS)) & 1
            total = total + (bit << plane if plane else bit)
        return total

    def word(n: Expr, o: Expr, part: Expr, m: Expr, t: Expr, j: Expr, k: Expr) -> Expr:
        c = o * CHANNEL_ALIGNMENT + t * HELD + part * 2 + j
        first = m * ANCHORS + k * mma.BYTES
        return _word([code(n, te.min(first + b, attention.anchors - 1), c) for b in range(mma.BYTES)])

    blocks = attention.value_channels // CHANNEL_ALIGNMENT
    shape = (attention.batch, blocks, TILES, anchor_blocks(attention), mma.THREADS, 2, mma.WORDS)
    return te.compute(shape, word, "values")


def _totals(attention: PooledAttention, weight: Any) -> Any:
    """Sums of the weights, in every thread of a group."""
    m, u = te.reduce_axis((0, anchor_blocks(attention)), "m"), te.reduce_axis((0, 2), "u")
    lanes = (*pixels(attention), mma.THREADS, 2)

    def own(n: Expr, h: Expr, w: Expr, t: Expr, i: Expr) -> Expr:
        word = weight[n, m, h, w, i, 2 * t + u]
        return te.sum(mma.product("u8", word, tirx.const(0x01010101, "int32")), axis=[m, u])

    total_lane = te.compute(lanes, own, "total_lane")
    return te.compute(lanes, lambda *index: _of_group("sum", total_lane[index]), "total")


def _reciprocals(attention: PooledAttention, total: Any) -> Any:
    def reciprocal(*index: Expr) -> Expr:
        denominator = te.max(total[index], 1)
        return tirx.truncdiv(2**attention.reciprocal_bits + (denominator >> 1), denominator)

    return te.compute(total.shape, reciprocal, "reciprocal")


def _of_group(what: str, own: Expr) -> Expr:
    """What the four threads of a group together have, by what one has."""
    return tirx.call_pure_extern("int32", f"{_GROUP}_{what}", own)


_GROUP = "tvm_bnn_group"

add_cuda_helper(_GROUP, _SOURCE)
