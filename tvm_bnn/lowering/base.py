"""The contract of a lowering: a tensor expression for one operator, and the layout of its parameters."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import te
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Array = NDArray[Any]
Tensors = Mapping[str, Any]


class Lowering(abc.ABC):
    """One way to compute one kind of operator.

    A lowering is stateless. Its function takes the operator's data inputs as they are, then its own parameters
    (:meth:`parameters`, made from the canonical ones by :meth:`pack`), then the outputs.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    tiles: ClassVar[bool] = False
    """Whether its code uses AMX tiles, which a process has to be allowed first."""

    @abc.abstractmethod
    def declines(self, operator: Operator, target: Target) -> str | None:
        """Why this lowering cannot serve ``operator`` on ``target``, or None if it can."""

    def yields(self, target: Target) -> bool:
        """Whether others are preferred to this lowering on ``target``, though it comes first in the registry."""
        return False

    @abc.abstractmethod
    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """The parameters in the layout of this lowering, in calling order."""

    @abc.abstractmethod
    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of :meth:`parameters`, by name, from the operator's canonical parameters."""

    @abc.abstractmethod
    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """The output tensor expressions, in the operator's order, from placeholders by name."""

    def function(self, operator: Operator, target: Target) -> Any:
        """The unscheduled function: data inputs, parameters, outputs."""
        specs = [*data_inputs(operator), *self.parameters(operator, target)]
        tensors = {spec.name: te.placeholder(spec.shape, spec.dtype, spec.name) for spec in specs}
        outputs = self.compute(operator, target, tensors)
        return te.create_prim_func([*tensors.values(), *outputs])

    def pack_inputs(self, operator: Operator, target: Target, arrays: list[Array]) -> list[Array]:
        """All inputs of the operator, in calling order, as the inputs of :meth:`function`."""
        named = {spec.name: array for spec, array in zip(operator.inputs(), arrays, strict=True)}
        packed = self.pack(operator, target, named)
        data = [named[spec.name] for spec in data_inputs(operator)]
        return [np.ascontiguousarray(a) for a in (*data, *(packed[s.name] for s in self.parameters(operator, target)))]


def data_inputs(operator: Operator) -> list[TensorSpec]:
    """The inputs that are data, in calling order."""
    return [spec for spec in operator.inputs() if spec.role == "data"]


def canonical_parameters(operator: Operator) -> list[TensorSpec]:
    """The inputs that are parameters, in calling order."""
    return [spec for spec in operator.inputs() if spec.role == "parameter"]
