"""Tuning curves: the best time so far over trials, each operator against its first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm_bnn.reporting.charts import is_narrow
from tvm_bnn.reporting.charts.axes import Extent, draw_axes
from tvm_bnn.reporting.drawing import Drawing, Path
from tvm_bnn.reporting.palette import ACCENT, MUTED


@dataclass(frozen=True)
class Curve:
    """Best time so far after 1, 2, ... trials, as a share of that of the first trial that ran."""

    label: str
    best: tuple[float, ...]


def mean_curve(curves: Sequence[Curve]) -> tuple[float, ...]:
    """The geometric mean over operators after each trial; one whose trials are over keeps its best."""
    length = max(len(curve.best) for curve in curves)
    means = []
    for trial in range(length):
        product = 1.0
        for curve in curves:
            product *= curve.best[min(trial, len(curve.best) - 1)] ** (1 / len(curves))
        means.append(product)
    return tuple(means)


def curve_chart(curves: Sequence[Curve], told: str, width: float) -> Drawing:
    """A thin line an operator, and their geometric mean.

    Args:
        curves: at least one.
        told: what the picture shows, in words.
        width: of the picture, in pixels.
    """
    mean = mean_curve(curves)
    low = min(value for curve in curves for value in curve.best)
    drawing = Drawing(width, 260 if is_narrow(width) else 300, told)
    up = Extent("best so far, % of the first trial", min(90.0, 100 * low), 100)
    axes = draw_axes(drawing, Extent("trials of one operator", 1, max(2, len(mean))), up)
    for best, role, thick in [*((curve.best, MUTED, 0.8) for curve in curves), (mean, ACCENT, 3.0)]:
        points = [(axes.x(trial), axes.y(100 * value)) for trial, value in enumerate(best, 1)]
        # A single trial is a point: a line as long as the axis says that nothing followed.
        drawing.add(Path(points if len(points) > 1 else [*points, (axes.x.end, points[0][1])], role, thick))
    return drawing
