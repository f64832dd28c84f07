"""Binary and bit-serial dense layer on packed bits: the algebra of :mod:`tvm_bnn.ops.conv2d` without a window."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Self

from tvm_bnn.ops.base import AccumulatingOperator, Cost
from tvm_bnn.ops.checks import positive
from tvm_bnn.ops.conv2d import Conv2d, check_bits
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.ops.tensors import Array, TensorSpec


@dataclass(frozen=True)
class Dense(AccumulatingOperator):
    """``x`` int32 words [rows, A words_for(C)], ``weight`` int32 words [O, B words_for(C)], accumulator [rows, O].

    Raises:
        ValueError: where a field has no meaning, or sums could leave int32.
    """

    kind: ClassVar[str] = "dense"

    rows: int
    in_features: int
    out_features: int
    activation_bits: int = 1
    weight_bits: int = 1
    activation_bipolar: bool = True
    weight_bipolar: bool = True
    epilogue: Epilogue = field(default_factory=Epilogue)

    def _check_fields(self) -> None:
        positive(self.kind, rows=self.rows, in_features=self.in_features, out_features=self.out_features)
        check_bits(self)

    def as_conv2d(self) -> Conv2d:
        """The same work as a 1x1 convolution of a map one row high and ``rows`` wide."""
        return Conv2d(
            batch=1,
            height=1,
            width=self.rows,
            in_channels=self.in_features,
            out_channels=self.out_features,
            kernel=(1, 1),
            padding=(0, 0),
            activation_bits=self.activation_bits,
            weight_bits=self.weight_bits,
            activation_bipolar=self.activation_bipolar,
            weight_bipolar=self.weight_bipolar,
            epilogue=self.epilogue,
        )

    def operands(self) -> tuple[TensorSpec, ...]:
        """Packed activation and packed weight, without the axes of the window."""
        x, weight = self.as_conv2d().operands()
        return (
            dataclasses.replace(x, shape=x.shape[2:]),
            dataclasses.replace(weight, shape=(weight.shape[0], weight.shape[3])),
        )

    def accumulator_shape(self) -> tuple[int, ...]:
        """[rows, O]."""
        return self.rows, self.out_features

    def accumulator_bound(self) -> int:
        """C (2^A - 1) (2^B - 1)."""
        return self.in_features * (2**self.activation_bits - 1) * (2**self.weight_bits - 1)

    def accumulate(self, *operands: Array) -> Array:
        """By the equivalent convolution."""
        x, weight = operands
        accumulator = self.as_conv2d().accumulate(x[None, None], weight[:, None, None])
        return accumulator.reshape(self.accumulator_shape())

    def cost(self) -> Cost:
        """One MAC a product."""
        return self.as_conv2d().cost()

    def at(self, shape: tuple[int, ...]) -> Self:
        """The same layer for an input [rows, ...]."""
        return dataclasses.replace(self, rows=shape[0])

    def label(self) -> str:
        """Features and rows."""
        return f"dense {self.in_features}->{self.out_features} x{self.rows}"
