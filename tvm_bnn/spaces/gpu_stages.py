"""One arrangement of any stage for a GPU: an element is a thread's. Nothing is searched.

``for spatial...: for reduction...`` becomes ``blockIdx.x for ...: threadIdx.x for a block of elements: for
reduction...``: a kernel a stage. Packed signs read what another kernel has written, so that every thread packs a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tvm_bnn.spaces import portable
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.fixed import Fixed

_THREADS = 128


class GpuStages(Fixed):
    """For lowerings whose stages are left to themselves."""

    name = "gpu-stages"
    version = 1

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Every stage by itself; padding is computed where it is read."""
        arrange_stages(schedule, lambda _: True)


def arrange_stages(schedule: Any, wanted: Callable[[str], bool]) -> None:
    """Arrange the stages directly under the root whose name is ``wanted``."""
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        name = str(schedule.get(block).name_hint)
        if not wanted(name):
            continue
        if name == "pad":
            schedule.compute_inline(block)
        else:
            bind_elements(schedule, block)


def bind_elements(schedule: Any, block: Any) -> None:
    """A thread for every element of a stage."""
    elements = schedule.fuse(*portable.spatial_loops(schedule, block), preserve_unit_iters=True)
    blocks, threads = schedule.split(elements, [None, _THREADS], preserve_unit_iters=True)
    schedule.bind(blocks, "blockIdx.x")
    schedule.bind(threads, "threadIdx.x")
