"""Operators on the int16 stream without weights: x2 upsampling, average pooling, packing into bits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self, get_args

import numpy as np

from tvm_bnn.ops.base import AccumulatingOperator, Cost
from tvm_bnn.ops.checks import one_of, positive
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.ops.tensors import Array, TensorSpec

InputDtype = Literal["int16", "uint8"]


@dataclass(frozen=True)
class StreamOperator(AccumulatingOperator):
    """Common fields: a stream ``x`` [N, H, W, C] comes in, int16 unless said otherwise.

    Raises:
        ValueError: where a field has no meaning.
    """

    batch: int
    height: int
    width: int
    channels: int
    epilogue: Epilogue = field(default_factory=Epilogue)

    def _check_fields(self) -> None:
        positive(self.kind, batch=self.batch, height=self.height, width=self.width, channels=self.channels)

    def operands(self) -> tuple[TensorSpec, ...]:
        """The stream."""
        return (TensorSpec("x", (self.batch, self.height, self.width, self.channels), "int16", "data"),)

    def cost(self) -> Cost:
        """No multiply-accumulates are counted."""
        return Cost()

    def at(self, shape: tuple[int, ...]) -> Self:
        """The same operator for an input [N, H, W, C]."""
        return dataclasses.replace(self, batch=shape[0], height=shape[1], width=shape[2])

    def label(self) -> str:
        """Kind, channels and input size."""
        return f"{self.kind} {self.channels} {self.height}x{self.width}"


@dataclass(frozen=True)
class Upsample2x(StreamOperator):
    """Bilinear upsampling by two, pixel centres aligned as in torch's ``align_corners=False``.

    Along each axis output 2i is (x[i-1] + 3 x[i]) / 4 and output 2i+1 is (3 x[i] + x[i+1]) / 4, indices clamped to
    the map. The accumulator holds 16 times the value, [N, 2H, 2W, C], exactly; the epilogue divides.
    """

    kind: ClassVar[str] = "upsample2x"

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, 2H, 2W, C]."""
        return self.batch, 2 * self.height, 2 * self.width, self.channels

    def accumulator_bound(self) -> int:
        """16 times the largest magnitude of int16."""
        return 16 * 2**15

    def accumulate(self, *operands: Array) -> Array:
        """One axis after the other."""
        return _double(_double(operands[0].astype(np.int32), 1), 2)


def _double(values: Array, axis: int) -> Array:
    """Four times the values upsampled by two along ``axis``."""
    size = values.shape[axis]
    padding = [(1, 1) if i == axis else (0, 0) for i in range(values.ndim)]
    padded = np.pad(values, padding, mode="edge")
    before, after = (np.take(padded, range(start, start + size), axis) for start in (0, 2))
    pairs = np.stack([before + 3 * values, 3 * values + after], axis=axis + 1)
    shape = [2 * size if i == axis else extent for i, extent in enumerate(values.shape)]
    return pairs.reshape(shape)


@dataclass(frozen=True)
class AvgPool2d(StreamOperator):
    """Sum over windows of ``kernel`` x ``kernel`` without overlap; the epilogue multiplies by the reciprocal.

    The accumulator is [N, H / kernel, W / kernel, C]; rows and columns that do not fill a window are dropped.

    Raises:
        ValueError: where a field has no meaning, the map is smaller than one window, or its sum could leave int32.
    """

    kind: ClassVar[str] = "avg_pool2d"

    kernel: int = 2

    def _check_fields(self) -> None:
        super()._check_fields()
        positive(self.kind, kernel=self.kernel)
        if min(self.height, self.width) < self.kernel:
            raise ValueError(f"avg_pool2d: window {self.kernel} does not fit a map of {self.height}x{self.width}")

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, H / kernel, W / kernel, C]."""
        return self.batch, self.height // self.kernel, self.width // self.kernel, self.channels

    def accumulator_bound(self) -> int:
        """kernel^2 times the largest magnitude of int16."""
        return self.kernel**2 * 2**15

    def accumulate(self, *operands: Array) -> Array:
        """Sum the windows."""
        batch, rows, columns, channels = self.accumulator_shape()
        kept = operands[0][:, : rows * self.kernel, : columns * self.kernel].astype(np.int32)
        windows = kept.reshape(batch, rows, self.kernel, columns, self.kernel, channels)
        return windows.sum(axis=(2, 4), dtype=np.int32)


@dataclass(frozen=True)
class Bitpack(StreamOperator):
    """Pack a stream into signs or bit planes: the accumulator is the value itself, [N, H, W, C].

    Fused into its producer wherever that has one consumer; this operator serves the others.
    """

    kind: ClassVar[str] = "bitpack"

    input_dtype: InputDtype = "int16"

    def _check_fields(self) -> None:
        super()._check_fields()
        one_of(self.kind, get_args(InputDtype), input_dtype=self.input_dtype)

    def operands(self) -> tuple[TensorSpec, ...]:
        """The stream, int16 or uint8."""
        (spec,) = super().operands()
        return (dataclasses.replace(spec, dtype=self.input_dtype),)

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, H, W, C]."""
        return self.batch, self.height, self.width, self.channels

    def accumulator_bound(self) -> int:
        """Largest magnitude of the input's dtype."""
        return 255 if self.input_dtype == "uint8" else 2**15

    def accumulate(self, *operands: Array) -> Array:
        """Widen."""
        return operands[0].astype(np.int32)
