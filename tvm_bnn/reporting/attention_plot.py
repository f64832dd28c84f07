"""Cost of attention against the number of tokens: dense and ours, operations and milliseconds."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.figure import Figure

_DENSE, _OURS = "#b0413e", "#2a6f97"
_SALT = "tvm-bnn"
"""Makes the ids in an SVG the same every time."""


@dataclass(frozen=True)
class CostPoint:
    """Cost of the products on one map.

    Attributes:
        tokens: N.
        dense_operations: FLOPs of dense attention, from its loop nests.
        our_operations: binary, integer and float operations of ours, from its scheduled loop nests.
        dense_ms: of the fastest dense implementation.
        our_ms: of ours.
    """

    tokens: int
    dense_operations: int
    our_operations: int
    dense_ms: float
    our_ms: float


def exponent(points: Sequence[CostPoint], cost: Callable[[CostPoint], float]) -> float:
    """The power of the number of tokens that a cost grows with: the slope of the best line between logarithms.

    Args:
        points: of at least two different sizes.
        cost: positive.
    """
    tokens = np.log([point.tokens for point in points])
    costs = np.log([cost(point) for point in points])
    slope, _ = np.polyfit(tokens, costs, 1)
    return float(slope)


def attention_plot(points: Sequence[CostPoint], title: str, image_format: Literal["png", "svg"]) -> bytes:
    """Two panels over tokens, both axes logarithmic, each with a line at a hundredth of the dense cost.

    Args:
        points: in ascending order of tokens, at least two.
        title: what was measured, and where.
        image_format: of the file.

    Returns:
        the file; the same points give the same bytes.
    """
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _panel(
        left, points, "operations of the products", lambda p: p.dense_operations, lambda p: p.our_operations, "counted"
    )
    _panel(right, points, "milliseconds of the products", lambda p: p.dense_ms, lambda p: p.our_ms, "measured")
    figure.suptitle(title)
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": _SALT}):
        figure.savefig(buffer, format=image_format, dpi=150, metadata={"Date": None} if image_format == "svg" else None)
    return buffer.getvalue()


def _panel(
    axes: Any,
    points: Sequence[CostPoint],
    label: str,
    dense: Callable[[CostPoint], float],
    ours: Callable[[CostPoint], float],
    how: str,
) -> None:
    tokens = [point.tokens for point in points]
    curves = (("dense", dense, _DENSE), ("pooled, binary", ours, _OURS))
    for name, cost, colour in curves:
        told = f"{name}, {how}: tokens$^{{{exponent(points, cost):.2f}}}$"
        axes.plot(tokens, [cost(point) for point in points], marker="o", markersize=4, color=colour, label=told)
    hundredth = [dense(point) / 100 for point in points]
    axes.plot(tokens, hundredth, color=_DENSE, linestyle="--", linewidth=1, label="dense / 100")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(tokens, [str(number) for number in tokens], rotation=45)
    axes.set_xlabel("tokens")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.legend()
