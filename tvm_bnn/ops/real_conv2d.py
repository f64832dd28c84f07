"""Convolution of 8 or 16-bit integers with int8 weights: the stem and the head of a network.

``acc[n, h, w, o] = sum x[n, h s + i - p, w s + j - p, c] weight[i, j, c, o]``, int32, exact; taps outside the map
are 0. The stem reads the uint8 picture; the head reads the int16 stream.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

import numpy as np

from tvm_bnn.ops.base import AccumulatingOperator, Array, Cost, TensorSpec, exact_matmul
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.ops.window import Pair, Window


@dataclass(frozen=True)
class RealConv2d(AccumulatingOperator):
    """``x`` uint8 or int16 [N, H, W, C], ``weight`` int8 [kh, kw, C, O].

    Raises:
        ValueError: where the kernel does not fit, or a sum could leave int32.
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
    input_dtype: Literal["uint8", "int16"] = "uint8"
    epilogue: Epilogue = field(default_factory=Epilogue)

    def __post_init__(self) -> None:
        """Check the fields against each other."""
        for name in ("kernel", "stride", "padding"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if isinstance(self.epilogue, dict):
            object.__setattr__(self, "epilogue", Epilogue(**self.epilogue))
        if min(self.output_size) < 1:
            raise ValueError(f"real_conv2d: kernel {self.kernel} does not fit a map of {self.height}x{self.width}")
        if self.accumulator_bound() >= 2**31:
            raise ValueError(f"real_conv2d: a sum of {self.depth} products may leave int32")

    @property
    def window(self) -> Window:
        """The sliding window."""
        return Window(self.kernel, self.stride, (1, 1), self.padding)

    @property
    def output_size(self) -> Pair:
        """Height and width of the output map."""
        return self.window.output((self.height, self.width))

    @property
    def depth(self) -> int:
        """Products summed into one accumulator: kh kw C."""
        return math.prod(self.kernel) * self.in_channels

    def operands(self) -> tuple[TensorSpec, ...]:
        """Activation and weight."""
        x = (self.batch, self.height, self.width, self.in_channels)
        weight = (*self.kernel, self.in_channels, self.out_channels)
        return TensorSpec("x", x, self.input_dtype, "data"), TensorSpec("weight", weight, "int8", "parameter")

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, HO, WO, O]."""
        return (self.batch, *self.output_size, self.out_channels)

    def accumulator_bound(self) -> int:
        """kh kw C times the largest product."""
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
        return Cost(real_macs=macs, activation_bits=8, weight_bits=8)

    def at(self, shape: tuple[int, ...]) -> Self:
        """The same convolution of an input [N, H, W, ...]."""
        return dataclasses.replace(self, batch=shape[0], height=shape[1], width=shape[2])

    def label(self) -> str:
        """Kernel, channels and output size."""
        size = "x".join(map(str, self.output_size))
        kernel = "x".join(map(str, self.kernel))
        stride = f" s{self.stride[0]}" if self.stride != (1, 1) else ""
        return f"real_conv2d {kernel} {self.in_channels}->{self.out_channels} {size}{stride}"
