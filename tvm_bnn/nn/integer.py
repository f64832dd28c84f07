"""The integer network: a list of operators with their parameters, as a torch module that can be run and exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import custom_ops
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


class IntegerNetwork(nn.Module):
    """Integer inference, defined exactly.

    Args:
        steps: in the order of computation.
        parameters: integer arrays by the names that the steps use.
        output: id of the value that the network returns.
        stride: heights and widths of pictures must be multiples of it.
    """

    def __init__(self, steps: Sequence[Step], parameters: Mapping[str, Array], output: str, stride: int = 32) -> None:
        super().__init__()
        self.steps = tuple(steps)
        self.output = output
        self.stride = stride
        self._signatures = tuple(step.operator.signature for step in self.steps)
        for name, array in parameters.items():
            self.register_buffer(name, torch.from_numpy(np.array(array)))

    def forward(self, image: Tensor) -> Tensor:
        """The network's output for pictures uint8 [N, H, W, 3]: labels uint8 [N, H, W] or what the last step writes."""
        return self._run(image)[self.output]

    def trace(self, image: Tensor) -> dict[str, Array]:
        """Every value by its id, the picture included, channels last."""
        return {name: value.numpy(force=True) for name, value in self._run(image).items()}

    def _run(self, image: Tensor) -> dict[str, Tensor]:
        values = {IMAGE: image}
        for step, signature in zip(self.steps, self._signatures, strict=True):
            data = [_as_rank(values[name], spec) for name, spec in zip(step.inputs, _data(step.operator), strict=True)]
            parameters = [self.get_buffer(name) for name in step.parameters]
            compute = custom_ops.operator_of(step.operator.kind)
            values.update(zip(step.outputs, compute(data + parameters, signature, step.name), strict=True))
        return values

    def at(self, shape: tuple[int, ...]) -> list[tuple[Step, Operator]]:
        """All operators for pictures of ``shape`` [N, H, W, 3]; nothing is computed.

        Raises:
            UsageError: maps that are to be added differ in size, or one is too small for a window.
        """
        shapes = {IMAGE: shape}
        concrete: list[tuple[Step, Operator]] = []
        for step in self.steps:
            operator = _place(step, shapes)
            shapes.update((name, spec.shape) for name, spec in zip(step.outputs, operator.outputs(), strict=True))
            concrete.append((step, operator))
        return concrete


def _data(operator: Operator) -> list[TensorSpec]:
    return [spec for spec in operator.inputs() if spec.role == "data"]


def _as_rank(value: Tensor, spec: TensorSpec) -> Tensor:
    # A linear layer reads a map of one pixel [N, 1, 1, C] as rows [N, C].
    return value if value.dim() == len(spec.shape) else value.flatten(1)


def _place(step: Step, shapes: Mapping[str, tuple[int, ...]]) -> Operator:
    rows = len(_data(step.operator)[0].shape) == 2
    read = [(shapes[name][0], shapes[name][-1]) if rows else shapes[name] for name in step.inputs]
    try:
        operator = step.operator.at(read[0])
    except ValueError as error:
        raise UsageError(f"{step.name}: {error}", "give a larger picture") from error
    for shape, spec in zip(read, _data(operator), strict=True):
        if shape != spec.shape:
            raise UsageError(
                f"{step.name}: expected {spec.name} of shape {list(spec.shape)}, got {list(shape)}",
                "give a picture whose height and width are multiples of the network's stride",
            )
    return operator
