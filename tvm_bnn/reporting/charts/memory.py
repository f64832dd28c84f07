"""Memory over time: the bytes of all maps that are alive while each operator runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm_bnn.reporting.charts import is_narrow
from tvm_bnn.reporting.charts.axes import Extent, draw_axes
from tvm_bnn.reporting.drawing import Box, Drawing
from tvm_bnn.reporting.labels import size


@dataclass(frozen=True)
class Moment:
    """One operator and the bytes that are alive while it runs."""

    name: str
    role: str
    nbytes: int


def memory_chart(moments: Sequence[Moment], told: str, width: float) -> Drawing:
    """One column an operator, in the order of execution.

    Args:
        moments: at least one.
        told: what the picture shows, in words.
        width: of the picture, in pixels.
    """
    drawing = Drawing(width, 220 if is_narrow(width) else 260, told)
    most = max(moment.nbytes for moment in moments)
    axes = draw_axes(
        drawing, Extent("operators in the order of execution", 0, len(moments)), Extent("bytes alive", 0, 1.05 * most)
    )
    step = (axes.x.end - axes.x.start) / len(moments)
    for number, moment in enumerate(moments):
        top = axes.y(moment.nbytes)
        drawing.add(
            Box(
                *(axes.x.start + number * step, top, max(step - 1, 0.5), axes.y.start - top),
                role=moment.role,
                told=f"{moment.name}: {size(moment.nbytes)}",
            )
        )
    return drawing
