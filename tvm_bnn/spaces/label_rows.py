"""The loops of the labels: one output row at a time, its pixels in vectors by their phase.

After::

    parallel for (n, h): plane of scores
    parallel for (n, y):
        row of scores
        for i: unrolled phase r, vectorised: phase[r, i]
        label[f i + r] = phase[r, i]

The phase being a constant, the weights of the interpolation are too.
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
    version = 2

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Rows in parallel, phases unrolled, pixels in vectors where whole vectors fit."""
        operator, lanes = cast(Labels, setting.operator), setting.target.lanes
        labels, phases = schedule.get_sblock("labels"), schedule.get_sblock("phase")
        n, y, x = schedule.get_loops(labels)
        rows = schedule.fuse(n, y, preserve_unit_iters=True)
        schedule.unroll(schedule.split(x, [None, operator.factor], preserve_unit_iters=True)[1])
        schedule.compute_at(phases, rows, preserve_unit_loops=True)
        phase, pixel = schedule.get_loops(phases)[-2:]
        if operator.width % lanes == 0:
            pixel, lane = schedule.split(pixel, [None, lanes], preserve_unit_iters=True)
            schedule.reorder(pixel, phase, lane)
            schedule.vectorize(lane)
        schedule.unroll(phase)
        schedule.compute_at(schedule.get_sblock("row"), rows, preserve_unit_loops=True)
        n, h, _, _ = schedule.get_loops(schedule.get_sblock("plane"))
        planes = schedule.fuse(n, h, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(rows)
            schedule.parallel(planes)
