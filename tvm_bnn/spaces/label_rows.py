"""The loops of the labels: one output row at a time, its pixels in vectors by their phase.

After: ``parallel for (n, y): row of scores; unrolled phase r: vectorised i: label[f i + r]``; the phase being a
constant, the weights of the interpolation are too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tvm_bnn.ops.labels import Labels
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.fixed import Fixed


class LabelRowLoops(Fixed):
    """One arrangement; nothing is searched."""

    name = "label-rows"
    version = 1

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Rows in parallel, phases unrolled, pixels in vectors where whole vectors fit."""
        operator = cast(Labels, setting.operator)
        n, y, x = schedule.get_loops(schedule.get_sblock("labels"))
        rows = schedule.fuse(n, y, preserve_unit_iters=True)
        pixel, phase = schedule.split(x, [None, operator.factor], preserve_unit_iters=True)
        schedule.reorder(phase, pixel)
        schedule.unroll(phase)
        schedule.compute_at(schedule.get_sblock("row"), rows, preserve_unit_loops=True)
        if operator.width % setting.target.lanes == 0:
            schedule.vectorize(schedule.split(pixel, [None, setting.target.lanes], preserve_unit_iters=True)[1])
        if setting.threads > 1:
            schedule.parallel(rows)
