"""Large maps by their first rows: kernels work from top to bottom, and every row of tiles executes the same again.

The kernel of the full map is stopped twice, when it first touches a row of its output that is not to be seen, and a
straight line through both counts gives the whole::

    executed(all rows) = executed(low) + (executed(high) - executed(low)) (rows - low) / (high - low)

It is always the code of the full map that runs. That of a smaller map is no substitute: the compiler's choices within
the innermost loops hang on constants that have to do with the map's height, and cost up to 30 %.

What the first rows of the output should be, a smaller operator tells whose input are the first rows of the full one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tvm_bnn.estimation.arena import PAGE
from tvm_bnn.ops import Dense, Labels, Operator, TensorSpec, Upsample2x
from tvm_bnn.ops.convolution import Convolution
from tvm_bnn.spaces.base import Point

_WHOLE = 24e6
"""Instructions up to which an operator is emulated as it is: a quarter of a second."""

_PIECE = 8e6
"""Instructions up to the first stop, and from there to the second, at least."""

_MOST = 0.6
"""The part of an operator beyond which stopping it does not pay."""

_BITS = 16
"""Products of bits that an instruction adds up, about; one of more than 4 x 1 bits takes none more than that."""

_WIDEST = 4

_MARGIN = 8
"""Rows of the input that some rows of the output may need beyond their own share, a window apart."""


@dataclass(frozen=True)
class Stops:
    """Where to stop the kernel of a large map.

    Attributes:
        output: number of the output that is watched.
        row_bytes: of this output.
        low: rows of it that the first run may write.
        high: rows that the second may write.
        rows: that there are.
        head: the operator of the first rows of the input, on which as many rows of the output depend.
    """

    output: int
    row_bytes: int
    low: int
    high: int
    rows: int
    head: Operator

    def whole(self, low: float, high: float) -> float:
        """A count of the operator from the same count at both stops."""
        return low + (high - low) * (self.rows - self.low) / (self.high - self.low)


def row_axis(operator: Operator) -> int:
    """The axis of maps that rows lie along: [N, H, W, ...] or [rows, ...]."""
    return 0 if isinstance(operator, Dense) else 1


def stops(operator: Operator, point: Point) -> Stops | None:
    """Where to stop, or None where an operator is emulated from its beginning to its end.

    That is so where it is small, or its output does not grow by rows that fill pages. Whether a kernel does go from top
    to bottom shows when it was stopped: only then the first rows are all there.
    """
    instructions = _instructions(operator)
    axis, outputs = row_axis(operator), operator.outputs()
    extents = {spec.shape[:axis] + spec.shape[axis : axis + 1] for spec in outputs}
    if instructions <= _WHOLE or len(extents) > 1:
        return None
    *outer, rows = extents.pop()
    if math.prod(outer) != 1:
        return None
    sizes = [_row_bytes(spec, rows) for spec in outputs]
    period = math.lcm(_tile_rows(operator, point), PAGE // math.gcd(max(sizes), PAGE))
    piece = math.ceil(_PIECE / (instructions / rows * period)) * period
    if 2 * piece > _MOST * rows:
        return None
    return Stops(sizes.index(max(sizes)), max(sizes), piece, 2 * piece, rows, _head(operator, 2 * piece, rows))


def _row_bytes(spec: TensorSpec, rows: int) -> int:
    return spec.nbytes // rows


def _tile_rows(operator: Operator, point: Point) -> int:
    """Rows of the output that are written together.

    Tiles of convolutions begin with (rows, columns); a dense layer's rows are the columns of such a map.
    """
    if isinstance(operator, Upsample2x):
        return 2
    if isinstance(operator, Convolution) and point.tile:
        return point.tile[0]
    if isinstance(operator, Dense) and point.tile:
        return point.tile[1]
    return 1


def _head(operator: Operator, needed: int, rows: int) -> Operator:
    """The operator of so many rows of input that the ``needed`` first of all ``rows`` of the output are right."""
    axis, shape = row_axis(operator), list(operator.inputs()[0].shape)
    window = operator.window.extent(0) if isinstance(operator, Convolution) else 0
    shape[axis] = min(shape[axis], math.ceil(needed * shape[axis] / rows) + _MARGIN + window)
    return operator.at(tuple(shape))


def _instructions(operator: Operator) -> float:
    """About how many instructions an operator takes."""
    products = sum(
        product.macs * min(product.activation_bits * product.weight_bits, _WIDEST)
        for product in operator.cost().products
    )
    scores = operator.classes * math.prod(operator.outputs()[0].shape) if isinstance(operator, Labels) else 0
    return products / _BITS + operator.bytes_moved + scores
