"""The loops of one ordinary function, arranged as suits any: nothing is searched.

A stage that only feeds one other is computed there. A reduction walks along a stretch of its results with every term,
so that vectors take it up, and every result still takes its terms in their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tvm_bnn._tvm import s_tir
from tvm_bnn.spaces.gpu_stages import bind_elements
from tvm_bnn.spaces.portable import arrange_stage, extent, is_large, is_reduction, spatial_loops

_LONGEST, _SHORTEST = 64, 8
"""How many results are reduced side by side: as many as there are registers for, and enough for a vector."""


def arranged(function: Any, lanes: int, threads: int) -> Any:
    """``function`` with its loops arranged, for vectors of so many 32-bit lanes and so many cores.

    Loops of a form that an arrangement does not know are right as they are, only slow.
    """
    schedule = _inlined(function)
    for block in _stages(schedule):
        if is_reduction(schedule, block):
            _attempt(_arrange_reduction, schedule, threads, block)
        else:
            _attempt(arrange_stage, schedule, lanes, threads, block)
    return schedule.mod["main"]


def arranged_for_gpu(function: Any) -> Any:
    """The same for a GPU: a thread for every element of a stage, which adds up its terms by itself."""
    schedule = _inlined(function)
    for block in _stages(schedule):
        _attempt(bind_elements, schedule, block)
    return schedule.mod["main"]


def _inlined(function: Any) -> Any:
    """A schedule whose stages that only feed one other are computed there."""
    schedule = s_tir.Schedule(function)
    for block in _stages(schedule):
        _attempt(_inline, schedule, block)
    return schedule


def _stages(schedule: Any) -> list[Any]:
    """The stages with loops to arrange."""
    try:
        blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    except s_tir.schedule.ScheduleError:
        # TVM's own functions for sorting and scanning are not made of stages.
        return []
    return [block for block in blocks if spatial_loops(schedule, block)]


def _attempt(arrange: Callable[..., None], schedule: Any, *arguments: Any) -> None:
    with suppress(s_tir.schedule.ScheduleError):
        arrange(schedule, *arguments)


def _inline(schedule: Any, block: Any) -> None:
    readers = schedule.get_consumers(block)
    if len(readers) != 1 or is_reduction(schedule, block) or is_reduction(schedule, readers[0]):
        return
    # What is read over and over, such as one gate for a whole map, is not computed over and over.
    if _elements(schedule, readers[0]) <= _elements(schedule, block):
        schedule.compute_inline(block)


def _elements(schedule: Any, block: Any) -> int:
    return math.prod(extent(schedule, loop) for loop in spatial_loops(schedule, block))


def _arrange_reduction(schedule: Any, threads: int, block: Any) -> None:
    loops, spatial = schedule.get_loops(block), spatial_loops(schedule, block)
    terms, large = loops[len(spatial) :], is_large(schedule, loops)
    outer, stretch = schedule.split(spatial[-1], [None, _stretch(extent(schedule, spatial[-1]))])
    schedule.reorder(outer, *terms, stretch)
    if threads > 1 and large and len(spatial) > 1:
        schedule.parallel(schedule.fuse(*spatial[:-1]))
    schedule.decompose_reduction(block, terms[0])


def _stretch(width: int) -> int:
    """The longest that divides ``width``; all of it where nothing of use does."""
    longest = max(length for length in range(1, _LONGEST + 1) if width % length == 0)
    return longest if longest >= _SHORTEST else width
