"""Labels row by row: scores are interpolated down into a row of planes, then across and compared class by class.

The stage ``row`` int32 [N, f h, K, w + 2] holds one interpolated row per class, its ends repeated, so that the second
interpolation reads contiguous elements; the class loop is written out, first class first, and a later class wins
only with a greater score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.base import Array, Lowering, Tensors
from tvm_bnn.ops.base import Operator, TensorSpec
from tvm_bnn.ops.labels import Labels
from tvm_bnn.targets import Target

Expr = Any


class LabelRows(Lowering):
    """For every :class:`Labels`."""

    name = "label-rows"
    kind = "labels"

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Never."""
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Nothing to do."""
        return {}

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Down, across, compare."""
        labels = cast(Labels, operator)
        row = _rows(labels, tensors["scores"])

        def label(n: Expr, y: Expr, x: Expr) -> Expr:
            best, winner = _score(labels, row, n, y, x, 0), tirx.const(0, "int32")
            for k in range(1, labels.classes):
                score = _score(labels, row, n, y, x, k)
                winner = tirx.Select(score > best, tirx.const(k, "int32"), winner)
                best = te.max(best, score)
            return dtype_cast("uint8", winner)

        (output,) = labels.outputs()
        return [te.compute(output.shape, label, "labels")]


def _weights(labels: Labels, position: Expr) -> tuple[Expr, Expr, Expr]:
    """Index an output lies in, step to its neighbour and that neighbour's weight, in units of 1 / (2 f)."""
    factor = labels.factor
    offset = 2 * (position % factor) + 1 - factor
    step = tirx.Select(offset > 0, tirx.const(1, "int32"), tirx.const(-1, "int32"))
    return position // factor, step, te.max(offset, -offset)


def _rows(labels: Labels, scores: Any) -> Any:
    shape = (labels.batch, labels.factor * labels.height, labels.classes, labels.width + 2)

    def element(n: Expr, y: Expr, k: Expr, x: Expr) -> Expr:
        column = te.max(te.min(x - 1, labels.width - 1), 0)
        if labels.factor == 1:
            return dtype_cast("int32", scores[n, y, column, k])
        index, step, weight = _weights(labels, y)
        neighbour = te.max(te.min(index + step, labels.height - 1), 0)
        near, far = (dtype_cast("int32", scores[n, r, column, k]) for r in (index, neighbour))
        return near * (2 * labels.factor - weight) + far * weight

    return te.compute(shape, element, "row")


def _score(labels: Labels, row: Any, n: Expr, y: Expr, x: Expr, k: int) -> Expr:
    if labels.factor == 1:
        return row[n, y, k, x + 1]
    index, step, weight = _weights(labels, x)
    return row[n, y, k, index + 1] * (2 * labels.factor - weight) + row[n, y, k, index + 1 + step] * weight
