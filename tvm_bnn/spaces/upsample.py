"""The loops of upsampling: the four outputs of an input pixel together, so that they share what they read.

::

    parallel for (n, h): for w:
        for vectors of channels:
            unrolled row phase, column phase:  vectorised value
        signs[words] of the four pixels
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.portable import Portable


class UpsampleLoops(Portable):
    """One arrangement, for whole vectors of channels; nothing is searched."""

    name = "upsample"
    version = 1

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Split both axes by two, the phases inside the vectors of channels."""
        width = finishing.vector_width(setting)
        if finishing.channel_count(setting) % width:
            super().arrange(schedule, setting, tile, variant)
            return
        n, h, w, c = schedule.get_loops(schedule.get_sblock("value"))
        (h, row), (w, column) = (schedule.split(loop, [None, 2], preserve_unit_iters=True) for loop in (h, w))
        c, lane = schedule.split(c, [None, width], preserve_unit_iters=True)
        schedule.reorder(n, h, w, c, row, column, lane)
        schedule.vectorize(lane)
        schedule.unroll(row)
        schedule.unroll(column)
        fused = [name for name in finishing.fused_outputs(setting) if name == "signs"]
        for name in fused:
            schedule.reverse_compute_at(schedule.get_sblock(name), w, preserve_unit_loops=True)
        rows = schedule.fuse(n, h, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(rows)
        lanes, threads = setting.target.lanes, setting.threads
        portable.arrange_stages(schedule, lanes, threads, lambda name: name not in ("value", *fused))
