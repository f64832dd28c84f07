"""Sliding windows over NHWC maps: the arithmetic of kernels, strides and dilations, shared by the convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Kernel, stride, dilation and padding, each (vertical, horizontal); padding on both sides alike."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Pair

    def extent(self, axis: int) -> int:
        """Span of the dilated kernel along ``axis`` (0 vertical, 1 horizontal)."""
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def output(self, size: Pair) -> Pair:
        """Size of the output map for an input map of ``size``."""
        rows, columns = (
            (size[axis] + 2 * self.padding[axis] - self.extent(axis)) // self.stride[axis] + 1 for axis in (0, 1)
        )
        return rows, columns

    def gather(self, padded: Array) -> Array:
        """Windows of a map that is padded already: [N, H, W, C] to [N, HO, WO, kh, kw, C], a view."""
        axes = (1, 2)
        spans = (self.extent(0), self.extent(1))
        windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=axes)
        stepped = windows[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        return np.moveaxis(stepped, 3, -1)

    def pad(self, values: Array, fill: int) -> Array:
        """Pad [N, H, W, C] by ``padding`` with ``fill``."""
        rows, columns = self.padding
        return np.pad(values, ((0, 0), (rows, rows), (columns, columns), (0, 0)), constant_values=fill)
