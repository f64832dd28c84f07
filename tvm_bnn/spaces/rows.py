"""The loops of dot products along a pixel's channels.

After: ``parallel for (n, h): for w: acc[O] = dot products, output channels unrolled up to a limit; value[O]``; the
loop along the channels is left to the compiler, which knows the pairwise multiply-add.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm_bnn.spaces import portable
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.fixed import Fixed

_UNROLLED_OUTPUTS = 32


class RowLoops(Fixed):
    """For ``multiply-rows``."""

    name = "rows"
    version = 1

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Sums stay beside the value they become."""
        value, acc = schedule.get_sblock("value"), schedule.get_sblock("acc")
        n, h, w, outputs = schedule.get_loops(value)
        schedule.compute_at(acc, w, preserve_unit_loops=True)
        schedule.set_scope(acc, 0, "local")
        kh = schedule.get_loops(acc)[-3]
        if int(schedule.get(outputs).extent) <= _UNROLLED_OUTPUTS:
            schedule.unroll(schedule.get_loops(acc)[-4])
        rows = schedule.fuse(n, h, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(rows)
        schedule.decompose_reduction(acc, kh)
        portable.arrange_stages(
            schedule, setting.target.lanes, setting.threads, lambda name: not name.startswith("acc") and name != "value"
        )
