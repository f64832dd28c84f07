"""The loops of operators whose every value is an expression of a few others.

On Advanced SIMD, whose registers hold the parameters of eight channels but not those of a pixel::

    parallel for (n, h): for w / columns:
        for vectors of channels: for columns:  vectorised value
        signs[columns, words]

Elsewhere as :mod:`tvm_bnn.spaces.portable` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.portable import Portable

_MOST_COLUMNS = 16


class PointwiseLoops(Portable):
    """One arrangement; nothing is searched."""

    name = "pointwise"

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Channels outside of a few pixels."""
        value, width = schedule.get_sblock("value"), finishing.vector_width(setting)
        if "asimd" not in setting.target.requires or finishing.channel_count(setting) % width:
            super().arrange(schedule, setting, tile, variant)
            return
        n, h, w, c = schedule.get_loops(value)
        tiles, w = schedule.split(w, [None, _columns(portable.extent(schedule, w))], preserve_unit_iters=True)
        c, lane = schedule.split(c, [None, width], preserve_unit_iters=True)
        schedule.reorder(n, h, tiles, c, w, lane)
        schedule.vectorize(lane)
        fused = [name for name in finishing.fused_outputs(setting) if name == "signs"]
        for name in fused:
            schedule.reverse_compute_at(schedule.get_sblock(name), tiles, preserve_unit_loops=True)
        rows = schedule.fuse(n, h, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(rows)
        lanes, threads = setting.target.lanes, setting.threads
        portable.arrange_stages(schedule, lanes, threads, lambda name: name not in ("value", *fused))


def _columns(width: int) -> int:
    """The most columns that divide a row."""
    return max(d for d in range(1, _MOST_COLUMNS + 1) if width % d == 0)
