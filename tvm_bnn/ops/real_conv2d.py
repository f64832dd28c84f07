"""Convolution of 8 or 16-bit integers with int8 weights: the stem and the head of a network.

``acc[n, h, w, o] = sum x[n, h s + i - p, w s + j - p, c] weight[i, j, c, o]``, int32, exact; taps outside the map
are 0. The stem reads the uint8 picture; the head reads the int16 stream.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

import numpy as np

from tvm_bnn.ops.base import Cost, Products, exact_matmul
from tvm_bnn.ops.checks import one_of
from tvm_bnn.ops.convolution import Convolution
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.ops.tensors import Array, TensorSpec
from tvm_bnn.ops.window import Pair, Window

InputDtype = Literal["uint8", "int16"]


@dataclass(frozen=True)
class RealConv2d(Convolution):
    """``x`` uint8 or int16 [N, H, W, C], ``weight`` int8 [kh, kw, C, O].

    Raises:
        ValueError: where a field has no meaning, the kernel does not fit, or a sum could leave int32.
    """

    kind: ClassVar[str] = "real_conv2d"

    batch: int
    height: int
    width: int
    in_channels: int
    out_channels: int
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Pair = (1, 1)
    input_dtype: InputDtype = "uint8"
    epilogue: Epilogue = field(default_factory=Epilogue)

    def _check_fields(self) -> None:
        super()._check_fields()
        one_of(self.kind, get_args(InputDtype), input_dtype=self.input_dtype)

    @property
    def window(self) -> Window:
        """The sliding window."""
        return Window(self.kernel, self.stride, (1, 1), self.padding)

    @property
    def depth(self) -> int:
        """Products summed into one accumulator: kh kw C."""
        return math.prod(self.kernel) * self.in_channels

    def operands(self) -> tuple[TensorSpec, ...]:
        """Activation and weight."""
        x = (self.batch, self.height, self.width, self.in_channels)
        weight = (*self.kernel, self.in_channels, self.out_channels)
        return TensorSpec("x", x, self.input_dtype, "data"), TensorSpec("weight", weight, "int8", "parameter")

    def accumulator_bound(self) -> int:
        """Largest product times kh kw C."""
        return self.depth * 128 * (255 if self.input_dtype == "uint8" else 2**15)

    def accumulate(self, *operands: Array) -> Array:
        """Gather windows, multiply as integers."""
        x, weight = operands
        windows = self.window.gather(self.window.pad(x.astype(np.int32), 0))
        columns = windows.reshape(-1, self.depth)
        product = exact_matmul(columns, weight.reshape(self.depth, -1), self.accumulator_bound())
        return product.reshape(self.accumulator_shape())

    def cost(self) -> Cost:
        """One MAC a product; taps in the padding count."""
        macs = math.prod(self.accumulator_shape()) * self.depth
        return Cost((Products(macs, 8, 8),))
