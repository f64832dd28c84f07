"""The loops of an epilogue behind a tile of sums.

::

    for group of channels, rows, columns:
        vectorised value[channels]          int16 in vectors of twice as many lanes
        signs[word]                         where they are written

Groups come outermost, so that the parameters of their channels stay in registers while the pixels pass.
"""

from __future__ import annotations

from typing import Any

from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.bits import WORD_BITS
from tvm_bnn.spaces import portable
from tvm_bnn.spaces.base import Setting


def fuse_epilogue(schedule: Any, setting: Setting, tile: Any) -> None:
    """Bring the stage ``value`` and what is read off it under the loop ``tile``, which comes before the sums."""
    value = schedule.get_sblock("value")
    schedule.reverse_compute_at(value, tile, preserve_unit_loops=True)
    width, group = vector_width(setting), _group(setting)
    channels = channel_count(setting)
    if channels % width:
        return
    *pixel, channel = schedule.get_loops(value)[-_rank(setting) :]
    outer, vectors, lane = schedule.split(channel, [None, group // width, width], preserve_unit_iters=True)
    schedule.reorder(outer, *pixel, vectors, lane)
    schedule.vectorize(lane)
    schedule.unroll(vectors)
    for name in fused_outputs(setting):
        output, beside = schedule.get_sblock(name), name == "byte" or group >= WORD_BITS
        schedule.reverse_compute_at(output, pixel[-1] if beside else tile, preserve_unit_loops=True)
        if name == "byte":
            portable.vectorize_channels(schedule, output, setting.target.lanes)


def fused_outputs(setting: Setting) -> list[str]:
    """Outputs that follow the value: bytes, and signs where a group fills the words it packs."""
    if channel_count(setting) % vector_width(setting):
        return []
    outputs = portable.epilogue_of(setting).outputs
    return [name for name in outputs if name == "byte" or (name == "signs" and portable.whole_words(setting))]


def channel_count(setting: Setting) -> int:
    """Channels of the accumulator."""
    assert isinstance(setting.operator, AccumulatingOperator)
    return setting.operator.accumulator_shape()[-1]


def _rank(setting: Setting) -> int:
    assert isinstance(setting.operator, AccumulatingOperator)
    return len(setting.operator.accumulator_shape())


def vector_width(setting: Setting) -> int:
    """Channels in one vector of values."""
    lanes, channels = setting.target.lanes, channel_count(setting)
    wide = portable.epilogue_of(setting).value_dtype == "int16" and channels % (2 * lanes) == 0
    return 2 * lanes if wide else lanes


def _group(setting: Setting) -> int:
    """Channels between two visits of a pixel: a word's where words are packed, else a vector's.

    Advanced SIMD has too few registers for the parameters of a word's channels: words are packed behind the tile.
    """
    packs = portable.whole_words(setting) and "asimd" not in setting.target.requires
    return max(vector_width(setting), WORD_BITS) if packs else vector_width(setting)
