"""The loops of averages over grids.

After, for the sums along rows and along columns alike: ``parallel for (n, window, column or window): for step:
vectorised channels: sum``, so that a pixel's channels are read from end to end while their sums stay in the
first-level cache. The rest is arranged as any stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.spaces import portable
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.fixed import Fixed

_SUMS = ("rows", "cells")


class PoolLoops(Fixed):
    """For ``anchor-pool``."""

    name = "pool"
    version = 1

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Every stage by itself."""
        for block in schedule.get_child_blocks(schedule.get_sblock("root")):
            if str(schedule.get(block).name_hint).startswith(_SUMS):
                _arrange_sums(schedule, setting, block)
        portable.arrange_stages(
            schedule, setting.target.lanes, setting.threads, lambda name: not name.startswith(_SUMS)
        )


def _arrange_sums(schedule: Any, setting: Setting, block: Any) -> None:
    """Channels innermost, in vectors where whole vectors fit."""
    n, window, place, channel, step = schedule.get_loops(block)
    schedule.reorder(step, channel)
    if int(schedule.get(channel).extent) % setting.target.lanes == 0:
        channel, lane = schedule.split(channel, [None, setting.target.lanes], preserve_unit_iters=True)
        schedule.vectorize(lane)
    outer = schedule.fuse(n, window, place, preserve_unit_iters=True)
    if setting.threads > 1:
        schedule.parallel(outer)
    schedule.decompose_reduction(block, step)
