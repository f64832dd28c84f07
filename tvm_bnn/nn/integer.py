"""The integer network: a list of operators with their parameters, as a torch module that can be run and exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import custom_ops
from tvm_bnn.nn.island import FloatOperator, FloatStep
from tvm_bnn.ops import Operator, TensorSpec
from tvm_bnn.ops.tensors import Array

IMAGE = "image"
"""Id of the network's input."""


@dataclass(frozen=True)
class Step:
    """One operator in its place.

    Attributes:
        name: place in the user's model, such as ``encoder.stage2.0.conv1``; unique in the network.
        operator: for some input size; :meth:`tvm_bnn.ops.Operator.at` gives it for another.
        inputs: ids of the data values it reads, in the order of ``operator.inputs()``.
        parameters: names of the buffers it reads, in the order of ``operator.inputs()``.
        outputs: ids of the values it writes, in the order of ``operator.outputs()``.
    """

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]


Placement = tuple[Step, Operator] | tuple[FloatStep, FloatOperator]
"""A step, and what it is for some size of the picture."""


class IntegerNetwork(nn.Module):
    """Integer inference, defined exactly.

    Between the integers, where the user's network has them, are steps of ordinary operators, run by torch.

    Args:
        steps: in the order of computation.
        parameters: integer arrays by the names that the steps use.
        output: id of the value that the network returns.
        stride: heights and widths of pictures must be multiples of it.
    """

    def __init__(
        self, steps: Sequence[Step | FloatStep], parameters: Mapping[str, Array], output: str, stride: int = 32
    ) -> None:
        super().__init__()
        self.steps = tuple(steps)
        self.output = output
        self.stride = stride
        self.islands = nn.ModuleList(step.module for step in self.steps if isinstance(step, FloatStep))
        self._signatures = {step.name: step.operator.signature for step in self.steps if isinstance(step, Step)}
        for name, array in parameters.items():
            self.register_buffer(name, torch.from_numpy(np.array(array)))

    @property
    def integer_steps(self) -> tuple[Step, ...]:
        """All steps but the islands."""
        return tuple(step for step in self.steps if isinstance(step, Step))

    @property
    def bit_identical(self) -> bool:
        """Whether every target gives the same bytes."""
        return all(step.bit_identical for step in self.steps if isinstance(step, FloatStep))

    def forward(self, image: Tensor) -> Tensor:
        """The network's output for pictures uint8 [N, H, W, 3]: labels uint8 [N, H, W] or what the last step writes."""
        return self._run(image)[self.output]

    def trace(self, image: Tensor) -> dict[str, Array]:
        """Every value by its id, the picture included, channels last; real values as torch has them."""
        return {name: value.numpy(force=True) for name, value in self._run(image).items()}

    def _run(self, image: Tensor) -> dict[str, Tensor]:
        values = {IMAGE: image}
        for step in self.steps:
            read = [values[name] for name in step.inputs]
            outputs = step.module(*read) if isinstance(step, FloatStep) else self._computed(step, read)
            values.update(zip(step.outputs, outputs, strict=True))
        return values

    def _computed(self, step: Step, read: Sequence[Tensor]) -> Sequence[Tensor]:
        data = [_as_rank(value, spec) for value, spec in zip(read, _data(step.operator), strict=True)]
        parameters = [self.get_buffer(name) for name in step.parameters]
        compute = custom_ops.operator_of(step.operator.kind)
        outputs: Sequence[Tensor] = compute(data + parameters, self._signatures[step.name], step.name)
        return outputs

    def at(self, shape: tuple[int, ...]) -> list[Placement]:
        """All steps for pictures of ``shape`` [N, H, W, 3]; nothing is computed.

        Raises:
            UsageError: maps that are to be added differ in size, or one is too small for a window.
        """
        specs = {IMAGE: TensorSpec(IMAGE, shape, "uint8", "data")}
        concrete: list[Placement] = []
        for step in self.steps:
            read = [specs[name] for name in step.inputs]
            placement = (step, step.at(read)) if isinstance(step, FloatStep) else (step, _place(step, read))
            specs.update(zip(step.outputs, placement[1].outputs(), strict=True))
            concrete.append(placement)
        return concrete

    def operators_at(self, shape: tuple[int, ...]) -> list[tuple[str, Operator]]:
        """Names and operators of the integer steps alone: what has lowerings to choose from.

        Raises:
            UsageError: as :meth:`at`.
        """
        return [(step.name, operator) for step, operator in self.at(shape) if isinstance(operator, Operator)]


def _data(operator: Operator) -> list[TensorSpec]:
    return [spec for spec in operator.inputs() if spec.role == "data"]


def _as_rank(value: Tensor, spec: TensorSpec) -> Tensor:
    # A linear layer reads a map of one pixel [N, 1, 1, C] as rows [N, C].
    return value if value.dim() == len(spec.shape) else value.flatten(1)


def _place(step: Step, read: Sequence[TensorSpec]) -> Operator:
    rows = len(_data(step.operator)[0].shape) == 2
    shapes = [(spec.shape[0], spec.shape[-1]) if rows else spec.shape for spec in read]
    try:
        operator = step.operator.at(shapes[0])
    except ValueError as error:
        raise UsageError(f"{step.name}: {error}", "give a larger picture") from error
    for shape, spec in zip(shapes, _data(operator), strict=True):
        if shape != spec.shape:
            raise UsageError(
                f"{step.name}: expected {spec.name} of shape {list(spec.shape)}, got {list(shape)}",
                "give a picture whose height and width are multiples of the network's stride",
            )
    return operator
