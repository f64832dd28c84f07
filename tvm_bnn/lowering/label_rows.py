"""Labels row by row: scores are interpolated down into a row of planes, then across and compared class by class.

The stage ``row`` [N, f h, K, w + 2] holds one interpolated row per class, its ends repeated, so that the second
interpolation reads contiguous elements. Scores are multiplied by a power of two there, and class k adds how many
classes come after it: one maximum finds both the greatest score and, among equals, the first class. The class loop is
written out.
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

        def label(n: Expr, y: Expr, x: Expr) -> Expr:
            last = _spread(labels) - 1
            ranked = (_score(labels, row, n, y, x, k) + (last - k) for k in range(labels.classes))
            return dtype_cast("uint8", last - (functools.reduce(te.max, ranked) & last))

        (output,) = labels.outputs()
        return [te.compute(output.shape, label, "labels")]


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


def _rows(labels: Labels, scores: Any) -> Any:
    shape = (labels.batch, labels.factor * labels.height, labels.classes, labels.width + 2)

    def score(n: Expr, y: Expr, k: Expr, column: Expr) -> Expr:
        return dtype_cast(_dtype(labels), scores[n, y, column, k]) * _spread(labels)

    def element(n: Expr, y: Expr, k: Expr, x: Expr) -> Expr:
        column = te.max(te.min(x - 1, labels.width - 1), 0)
        if labels.factor == 1:
            return score(n, y, k, column)
        index, step, weight = _weights(labels, y)
        neighbour = te.max(te.min(index + step, labels.height - 1), 0)
        near, far = score(n, index, k, column), score(n, neighbour, k, column)
        return near * (2 * labels.factor - weight) + far * weight

    return te.compute(shape, element, "row")


def _score(labels: Labels, row: Any, n: Expr, y: Expr, x: Expr, k: int) -> Expr:
    if labels.factor == 1:
        return row[n, y, k, x + 1]
    index, step, weight = _weights(labels, x)
    return row[n, y, k, index + 1] * (2 * labels.factor - weight) + row[n, y, k, index + 1 + step] * weight
