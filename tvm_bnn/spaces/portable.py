"""One arrangement that suits any stage: rows in parallel, channels in vectors. Nothing is searched.

``for outer..., inner`` becomes ``parallel for (outer without the last)``, the last outer loop serial, and ``inner``
split into vectors where its extent is a multiple of them.
"""

from __future__ import annotations

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
        arrange_blocks(schedule, setting, lambda name: not (fused and name == "signs"))


def epilogue_of(setting: Setting) -> Epilogue:
    """The epilogue of an accumulating operator."""
    assert isinstance(setting.operator, AccumulatingOperator)
    return setting.operator.epilogue


def whole_words(setting: Setting) -> bool:
    """Whether the output channels fill whole words, so that packing reads vectors."""
    assert isinstance(setting.operator, AccumulatingOperator)
    return setting.operator.accumulator_shape()[-1] % CHANNEL_ALIGNMENT == 0


def arrange_blocks(schedule: Any, setting: Setting, wanted: Callable[[str], bool]) -> None:
    """Arrange the stages directly under the root whose name is ``wanted``."""
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        if wanted(str(schedule.get(block).name_hint)):
            _arrange_block(schedule, setting, block)


def _arrange_block(schedule: Any, setting: Setting, block: Any) -> None:
    loops = _spatial_loops(schedule, block)
    elements = 1
    for loop in loops:
        elements *= _extent(schedule, loop)
    vectorize_channels(schedule, block, setting.target.lanes, loops[-1])
    outer = loops[:-2]
    if setting.threads > 1 and outer and elements >= _PARALLEL_ELEMENTS:
        schedule.parallel(schedule.fuse(*outer, preserve_unit_iters=True))


def _extent(schedule: Any, loop: Any) -> int:
    return int(schedule.get(loop).extent)


def _spatial_loops(schedule: Any, block: Any) -> list[Any]:
    """The loops over the elements of the stage; those of a reduction come after them."""
    loops, kinds = schedule.get_loops(block), schedule.get(block).iter_vars
    spatial = sum(int(var.iter_type) == 0 for var in kinds)
    return list(loops[:spatial])


def vectorize_channels(schedule: Any, block: Any, lanes: int, loop: Any | None = None) -> None:
    """Split the innermost spatial loop into vectors where whole vectors fit.

    Stages that read or write vectors themselves (packed signs) and reductions stay as they are.
    """
    channel = schedule.get_loops(block)[-1] if loop is None else loop
    if str(schedule.get(block).name_hint) in ("signs", "codes") or _is_reduction(schedule, block):
        return
    if loop is not None and _extent(schedule, channel) % lanes:
        return
    _, inner = schedule.split(channel, [None, lanes], preserve_unit_iters=True)
    schedule.vectorize(inner)


def _is_reduction(schedule: Any, block: Any) -> bool:
    return any(int(var.iter_type) == 2 for var in schedule.get(block).iter_vars)
