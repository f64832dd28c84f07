"""One arrangement that suits any stage: rows in parallel, channels in vectors. Nothing is searched.

``for outer..., inner`` becomes ``parallel for (outer without the last)``, the last outer loop serial, and ``inner``
split into vectors where its extent is a multiple of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.fixed import Fixed

_PARALLEL_ELEMENTS = 16 * 1024
"""Stages with fewer elements run on one thread: starting the others costs more."""


class Portable(Fixed):
    """For lowerings without a space of their own."""

    name = "portable"
    version = 1

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Every stage by itself, packing fused into the value it packs."""
        fused = whole_words(setting) and "signs" in epilogue_of(setting).outputs
        if fused:
            pixel = schedule.get_loops(schedule.get_sblock("value"))[-2]
            schedule.reverse_compute_at(schedule.get_sblock("signs"), pixel, preserve_unit_loops=True)
        target, threads = setting.target, setting.threads
        arrange_stages(schedule, target.lanes, threads, lambda name: not (fused and name == "signs"))


def epilogue_of(setting: Setting) -> Epilogue:
    """The epilogue of an accumulating operator."""
    assert isinstance(setting.operator, AccumulatingOperator)
    return setting.operator.epilogue


def whole_words(setting: Setting) -> bool:
    """Whether the output channels fill whole words, so that packing reads vectors."""
    assert isinstance(setting.operator, AccumulatingOperator)
    return setting.operator.accumulator_shape()[-1] % CHANNEL_ALIGNMENT == 0


def arrange_stages(schedule: Any, lanes: int, threads: int, wanted: Callable[[str], bool]) -> None:
    """Arrange the stages directly under the root whose name is ``wanted``, for vectors of so many 32-bit lanes."""
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        if wanted(str(schedule.get(block).name_hint)):
            arrange_stage(schedule, lanes, threads, block)


def has_stage(schedule: Any, name: str) -> bool:
    """Whether there is a stage of this name directly under the root."""
    blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    return any(str(schedule.get(block).name_hint) == name for block in blocks)


def arrange_stage(schedule: Any, lanes: int, threads: int, block: Any) -> None:
    """Arrange one stage, for vectors of so many 32-bit lanes."""
    if threads > 1:
        share_rows(schedule, block)
    vectorize_channels(schedule, block, lanes, spatial_loops(schedule, block)[-1])


def share_rows(schedule: Any, block: Any) -> None:
    """Let threads share all but the two innermost loops of a stage, if it is large."""
    loops = spatial_loops(schedule, block)
    if len(loops) > 2 and is_large(schedule, loops):
        schedule.parallel(schedule.fuse(*loops[:-2], preserve_unit_iters=True))


def is_large(schedule: Any, loops: Sequence[Any]) -> bool:
    """Whether it pays to start other threads for what ``loops`` run over."""
    return math.prod(extent(schedule, loop) for loop in loops) >= _PARALLEL_ELEMENTS


def extent(schedule: Any, loop: Any) -> int:
    """How often a loop runs."""
    return int(schedule.get(loop).extent)


def spatial_loops(schedule: Any, block: Any) -> list[Any]:
    """The loops over the elements of the stage; those of a reduction come after them."""
    loops, kinds = schedule.get_loops(block), schedule.get(block).iter_vars
    spatial = sum(int(var.iter_type) == 0 for var in kinds)
    return list(loops[:spatial])


def vectorize_channels(schedule: Any, block: Any, lanes: int, loop: Any | None = None) -> None:
    """Split the innermost spatial loop into vectors where whole vectors fit.

    Stages that read or write vectors themselves (packed signs) and reductions stay as they are.
    """
    channel = schedule.get_loops(block)[-1] if loop is None else loop
    if str(schedule.get(block).name_hint) in ("signs", "codes") or is_reduction(schedule, block):
        return
    if loop is not None and extent(schedule, channel) % lanes:
        return
    _, inner = schedule.split(channel, [None, lanes], preserve_unit_iters=True)
    schedule.vectorize(inner)


def is_reduction(schedule: Any, block: Any) -> bool:
    """Whether a stage combines several values into each of its results."""
    return any(int(var.iter_type) == 2 for var in schedule.get(block).iter_vars)
