"""A few anchors that stand for a whole map: averages over grids of several sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tvm_bnn.ops.base import Cost
from tvm_bnn.ops.checks import positive, refused
from tvm_bnn.ops.stream import StreamOperator
from tvm_bnn.ops.tensors import Array

MEAN_FRACTION_BITS = 4
"""Means are in units of 2^-4 of the stream's: those of large windows hardly differ from each other."""


@dataclass(frozen=True)
class AnchorPool(StreamOperator):
    """Mean over the windows of every grid: ``x`` int16 [N, H, W, C] to the accumulator [N, 1, S, C], S = sum of g^2.

    A grid g divides the map into g x g windows as torch's ``AdaptiveAvgPool2d`` does: window i along an axis of H
    rows covers the rows floor(i H / g) .. ceil((i + 1) H / g) - 1, so neighbours may share one; on a map
    smaller than the grid some windows are the same. Anchors follow each other grid by grid, the windows of a grid row
    by row. The mean of a window of ``count`` pixels is given in sixteenths, rounded half up; with sum = q count + r,
    0 <= r < count, no step leaves int32::

        floor((16 sum + floor(count / 2)) / count) = 16 q + floor((16 r + floor(count / 2)) / count)

    The default grids are the pyramid of Asymmetric Non-local Networks (Zhu et al. 2019): 110 anchors.

    Raises:
        ValueError: where a field has no meaning, or the sum of a window could leave int32: beyond 65536 pixels.
    """

    kind: ClassVar[str] = "anchor_pool"

    grids: tuple[int, ...] = (1, 3, 6, 8)

    def _check_fields(self) -> None:
        super()._check_fields()
        if not isinstance(self.grids, tuple | list) or not self.grids:
            raise refused(self.kind, "grids", "a list of whole numbers, at least one", self.grids)
        for grid in self.grids:
            positive(self.kind, grids=grid)
        if len(set(self.grids)) != len(self.grids):
            raise refused(self.kind, "grids", "distinct numbers", self.grids)
        object.__setattr__(self, "grids", tuple(self.grids))
        largest = self.largest_window
        if largest * 2**15 > 2**31:
            raise ValueError(f"anchor_pool: the sum of a window of {largest} pixels could leave int32")

    @property
    def anchors(self) -> int:
        """S."""
        return sum(grid**2 for grid in self.grids)

    @property
    def largest_window(self) -> int:
        """Pixels in the largest window."""
        grid = min(self.grids)
        rows, columns = (max(stop - start for start, stop in windows(size, grid)) for size in (self.height, self.width))
        return rows * columns

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, 1, S, C]."""
        return self.batch, 1, self.anchors, self.channels

    def accumulator_bound(self) -> int:
        """16 times that of the stream: a mean does not leave the range of what it is taken of."""
        return 2 ** (15 + MEAN_FRACTION_BITS)

    def accumulate(self, *operands: Array) -> Array:
        """Window by window."""
        means = [
            _rounded_mean(operands[0][:, top:bottom, left:right])
            for grid in self.grids
            for top, bottom in windows(self.height, grid)
            for left, right in windows(self.width, grid)
        ]
        return np.stack(means, axis=1)[:, None]

    def cost(self) -> Cost:
        """No multiply-accumulates; one division an anchor and channel."""
        return Cost(other=self.batch * self.anchors * self.channels)

    def label(self) -> str:
        """Grids, channels and input size."""
        return f"anchor_pool {'+'.join(map(str, self.grids))} {self.channels} {self.height}x{self.width}"


def windows(size: int, grid: int) -> list[tuple[int, int]]:
    """First row of each of ``grid`` windows along an axis of ``size``, and the row after its last."""
    return [(i * size // grid, -(-(i + 1) * size // grid)) for i in range(grid)]


def _rounded_mean(pixels: Array) -> Array:
    """Mean of [N, h, w, C] over rows and columns in sixteenths, rounded half up, int32 [N, C]."""
    count = pixels.shape[1] * pixels.shape[2]
    quotient, rest = np.divmod(pixels.sum(axis=(1, 2), dtype=np.int32), np.int32(count))
    mean: Array = (quotient << MEAN_FRACTION_BITS) + ((rest << MEAN_FRACTION_BITS) + count // 2) // count
    return mean
