"""Operators on the stream as plain expressions: upsampling, pooling, packing. Nothing to lay out."""

from __future__ import annotations

import abc
from typing import Any, cast

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.base import Tensors
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.plain import Plain
from tvm_bnn.ops.base import AccumulatingOperator, Operator
from tvm_bnn.ops.stream import AvgPool2d, Upsample2x
from tvm_bnn.targets import Target

Expr = Any


class Pointwise(Plain):
    """Parameters as they are; the accumulator is an expression, not a stage."""

    name = "pointwise"

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """The accumulator's expression, then the shared epilogue."""
        accumulating = cast(AccumulatingOperator, operator)
        return finish(accumulating, target, lambda *index: self.accumulator(operator, tensors["x"], *index), tensors)

    @abc.abstractmethod
    def accumulator(self, operator: Operator, x: Any, n: Expr, h: Expr, w: Expr, c: Expr) -> Expr:
        """The int32 accumulator at one place."""


class PointwiseBitpack(Pointwise):
    """The value itself."""

    kind = "bitpack"

    def accumulator(self, operator: Operator, x: Any, n: Expr, h: Expr, w: Expr, c: Expr) -> Expr:
        """Widen."""
        return dtype_cast("int32", x[n, h, w, c])


class PointwiseUpsample2x(Pointwise):
    """Nine, three, three and one sixteenths of the four nearest pixels."""

    kind = "upsample2x"

    def accumulator(self, operator: Operator, x: Any, n: Expr, h: Expr, w: Expr, c: Expr) -> Expr:
        """16 times the interpolated value."""
        upsample = cast(Upsample2x, operator)
        near_row, far_row = _neighbours(h, upsample.height)
        near_column, far_column = _neighbours(w, upsample.width)

        def at(row: Expr, column: Expr) -> Expr:
            return dtype_cast("int32", x[n, row, column, c])

        near = 3 * at(near_row, near_column) + at(near_row, far_column)
        far = 3 * at(far_row, near_column) + at(far_row, far_column)
        return 3 * near + far


def _neighbours(position: Expr, size: int) -> tuple[Expr, Expr]:
    """The input index an output lies in and the neighbour on its other side, clamped to the map."""
    near = position // 2
    return near, te.max(te.min(near + position % 2 * 2 - 1, size - 1), 0)


class PointwiseAvgPool2d(Pointwise):
    """The sum over a window, written out."""

    kind = "avg_pool2d"

    def accumulator(self, operator: Operator, x: Any, n: Expr, h: Expr, w: Expr, c: Expr) -> Expr:
        """The window's sum."""
        size = cast(AvgPool2d, operator).kernel
        taps = [(h * size + i, w * size + j) for i in range(size) for j in range(size)]
        total: Expr = tirx.const(0, "int32")
        for row, column in taps:
            total = total + dtype_cast("int32", x[n, row, column, c])
        return total
