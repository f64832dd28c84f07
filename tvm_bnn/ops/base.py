"""What every operator is: a frozen signature that knows its tensors, its cost and its integer reference."""

from __future__ import annotations

import abc
import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.ops.epilogue import Epilogue, as_epilogue
from tvm_bnn.ops.tensors import Array, TensorSpec

MOST_BINARY_BITS = 2
"""Weights of at most so many bits are binary."""


@dataclass(frozen=True)
class Products:
    """Multiply-accumulates of one pair of widths: ``macs`` of them, of ``activation_bits`` by ``weight_bits``."""

    macs: int
    activation_bits: int
    weight_bits: int

    @property
    def ops(self) -> float:
        """2 operations to a multiply-accumulate; one of a x w bits counts min(1, a w / 64) of a full one."""
        return 2 * self.macs * min(1.0, self.activation_bits * self.weight_bits / 64)


@dataclass(frozen=True)
class Cost:
    """Work of one operator before its epilogue.

    Attributes:
        products: multiply-accumulates, one entry a pair of widths.
        other: exponentials, divisions and comparisons, 1 each; they are listed apart and no part of ``ops``.
    """

    products: tuple[Products, ...] = ()
    other: int = 0

    @property
    def binary_macs(self) -> int:
        """Multiply-accumulates with weights of one or two bits."""
        return sum(product.macs for product in self.products if product.weight_bits <= MOST_BINARY_BITS)

    @property
    def real_macs(self) -> int:
        """All other multiply-accumulates."""
        return sum(product.macs for product in self.products) - self.binary_macs

    @property
    def ops(self) -> float:
        """Operations of all products."""
        return sum(product.ops for product in self.products)


class Described(Protocol):
    """What can be told of a step of a network, integer or not."""

    kind: ClassVar[str]

    def inputs(self) -> tuple[TensorSpec, ...]:
        """All tensors that are read."""

    def outputs(self) -> tuple[TensorSpec, ...]:
        """All tensors that are written."""

    def cost(self) -> Cost:
        """Its multiply-accumulates."""

    def label(self) -> str:
        """A short name for people."""

    @property
    def bytes_moved(self) -> int:
        """Compulsory traffic."""


class Operator(abc.ABC):
    """A frozen dataclass that names one computation with all its shapes."""

    kind: ClassVar[str]

    @abc.abstractmethod
    def inputs(self) -> tuple[TensorSpec, ...]:
        """All tensors in calling order: data first, then parameters."""

    @abc.abstractmethod
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The tensors that are written, in order."""

    @abc.abstractmethod
    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Compute the outputs from all inputs by NumPy, in integers: the definition every kernel must equal."""

    @abc.abstractmethod
    def cost(self) -> Cost:
        """Multiply-accumulates by kind."""

    @abc.abstractmethod
    def at(self, shape: tuple[int, ...]) -> Self:
        """The same operator for a first input of ``shape``."""

    @abc.abstractmethod
    def label(self) -> str:
        """A short name for people, such as ``conv2d 3x3 64->64 96x312``."""

    @property
    def bytes_moved(self) -> int:
        """Compulsory traffic in bytes: every input and output once."""
        return sum(spec.nbytes for spec in self.inputs() + self.outputs())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``kind`` and the fields; :func:`tvm_bnn.ops.registry.operator_from_dict` is the inverse."""
        return {"kind": self.kind, **dataclasses.asdict(self)}  # type: ignore[call-overload]

    @property
    def signature(self) -> str:
        """Canonical text of the operator: compact JSON with sorted keys. Records are keyed by it."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))


class AccumulatingOperator(Operator):
    """An operator that fills an int32 accumulator, channels last, and leaves the rest to the shared epilogue."""

    epilogue: Epilogue

    def __post_init__(self) -> None:
        """Read an epilogue given as plain data, then check the fields by themselves and against each other."""
        object.__setattr__(self, "epilogue", as_epilogue(self.epilogue))
        self._check_fields()
        if self.accumulator_bound() >= 2**31:
            raise ValueError(f"{self.kind}: an accumulator may reach {self.accumulator_bound()} and leave int32")
        channels, repeated = self.accumulator_shape()[-1], self.epilogue.shortcut_channels
        if repeated and channels % repeated:
            raise ValueError(f"{self.kind}: {channels} channels are no multiple of the {repeated} of the shortcut")

    @abc.abstractmethod
    def _check_fields(self) -> None:
        """Raise ValueError where a field of the operator has no meaning, or two contradict each other."""

    @abc.abstractmethod
    def operands(self) -> tuple[TensorSpec, ...]:
        """The tensors the accumulator is computed from: data first, then parameters."""

    @abc.abstractmethod
    def accumulator_shape(self) -> tuple[int, ...]:
        """Shape of the int32 accumulator that the epilogue finishes; channels last."""

    @abc.abstractmethod
    def accumulate(self, *operands: Array) -> Array:
        """The integer reference of the accumulator: int32 of :meth:`accumulator_shape`."""

    @abc.abstractmethod
    def accumulator_bound(self) -> int:
        """Largest magnitude the accumulator can reach."""

    def inputs(self) -> tuple[TensorSpec, ...]:
        """Data of the operator, data of the epilogue, then parameters of the operator and of the epilogue."""
        specs = self.operands() + self.epilogue.inputs(self.accumulator_shape())
        return tuple(sorted(specs, key=lambda spec: spec.role != "data"))

    def outputs(self) -> tuple[TensorSpec, ...]:
        """The tensors that are written, in the order of ``epilogue.outputs``."""
        return self.epilogue.output_specs(self.accumulator_shape())

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Accumulate, then finish, by NumPy."""
        named = {spec.name: array for spec, array in zip(self.inputs(), arrays, strict=True)}
        accumulator = self.accumulate(*(named[spec.name] for spec in self.operands()))
        return self.epilogue.reference(accumulator, named)


def exact_matmul(left: Array, right: Array, bound: int) -> NDArray[np.int32]:
    """Product of integer matrices whose results and partial sums reach at most ``bound`` in magnitude, exact.

    Floating point adds integers without rounding up to and including 2^24 (float32) and 2^53 (float64), so the fast
    matrix product may be used; its order of summation does not matter.
    """
    dtype = np.float32 if bound <= 2**24 else np.float64
    product = np.matmul(left.astype(dtype), right.astype(dtype))
    return product.astype(np.int64).astype(np.int32)
