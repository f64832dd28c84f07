"""Labels row by row: scores are interpolated down into a row of planes, then across and compared class by class.

The stage ``plane`` [N, h, K, w + 2] puts the scores of each class side by side, the ends repeated, so that both
interpolations read contiguous elements; ``row`` [N, f h, K, w + 2] holds one interpolated row per class. Scores are
multiplied by a power of two there, and class k adds how many classes come after it: one maximum finds both the
greatest score and, among equals, the first class. The class loop is written out.
"""

from __future__ import annotations

import functools
from typing import Any, cast

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.base import Tensors
from tvm_bnn.lowering.plain import Plain
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.labels import Labels
from tvm_bnn.targets import Target

Expr = Any


class LabelRows(Plain):
    """For every :class:`Labels`."""

    name = "label-rows"
    kind = "labels"

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Down, across, compare."""
        labels = cast(Labels, operator)
        row = _rows(labels, tensors["scores"])

        def label(n: Expr, y: Expr, r: Expr, i: Expr) -> Expr:
            last = _spread(labels) - 1
            ranked = (_score(labels, row, n, y, i, r, k) + (last - k) for k in range(labels.classes))
            return dtype_cast("uint8", last - (functools.reduce(te.max, ranked) & last))

        (output,) = labels.outputs()
        factor = labels.factor
        shape = (*output.shape[:2], factor, labels.width)
        phase = te.compute(shape, label, "phase")
        return [te.compute(output.shape, lambda n, y, x: phase[n, y, x % factor, x // factor], "labels")]


def _spread(labels: Labels) -> int:
    """What scores are multiplied by: the least power of two that tells all classes apart."""
    return int(2 ** (labels.classes - 1).bit_length())


def _dtype(labels: Labels) -> str:
    """Of scores times the sums of both axes' weights times the spread."""
    weights = 1 if labels.factor == 1 else (2 * labels.factor) ** 2
    return "int32" if 2**15 * weights * _spread(labels) <= 2**31 else "int64"


def _weights(labels: Labels, position: Expr) -> tuple[Expr, Expr, Expr]:
    """Index an output lies in, step to its neighbour and that neighbour's weight, in units of 1 / (2 f)."""
    factor = labels.factor
    offset = 2 * (position % factor) + 1 - factor
    step = tirx.Select(offset > 0, tirx.const(1, "int32"), tirx.const(-1, "int32"))
    return position // factor, step, te.max(offset, -offset)


def _planes(labels: Labels, scores: Any) -> Any:
    shape = (labels.batch, labels.height, labels.classes, labels.width + 2)

    def element(n: Expr, h: Expr, k: Expr, x: Expr) -> Expr:
        return scores[n, h, te.max(te.min(x - 1, labels.width - 1), 0), k]

    return te.compute(shape, element, "plane")


def _rows(labels: Labels, scores: Any) -> Any:
    plane = _planes(labels, scores)
    shape = (labels.batch, labels.factor * labels.height, *plane.shape[2:])

    def score(n: Expr, y: Expr, k: Expr, x: Expr) -> Expr:
        return dtype_cast(_dtype(labels), plane[n, y, k, x])

    def element(n: Expr, y: Expr, k: Expr, x: Expr) -> Expr:
        if labels.factor == 1:
            return score(n, y, k, x) * _spread(labels)
        index, step, weight = _weights(labels, y)
        neighbour = te.max(te.min(index + step, labels.height - 1), 0)
        near, far = score(n, index, k, x), score(n, neighbour, k, x)
        return near * ((2 * labels.factor - weight) * _spread(labels)) + far * (weight * _spread(labels))

    return te.compute(shape, element, "row")


def _score(labels: Labels, row: Any, n: Expr, y: Expr, i: Expr, r: Expr, k: int) -> Expr:
    """What lies at the phase ``r`` of input column ``i``, from differences that two phases share."""
    near = row[n, y, k, i + 1]
    if labels.factor == 1:
        return near
    _, step, weight = _weights(labels, r)
    return near * (2 * labels.factor) + (row[n, y, k, i + 1 + step] - near) * weight
