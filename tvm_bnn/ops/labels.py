"""From class scores to a label for every pixel."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tvm_bnn.ops.base import Cost, Operator
from tvm_bnn.ops.checks import one_of, positive, whole
from tvm_bnn.ops.tensors import Array, TensorSpec


@dataclass(frozen=True)
class Labels(Operator):
    """Bilinear upsampling of scores by ``factor`` and the class with the greatest score, the first among equals.

    ``scores`` int16 [N, h, w, K] to ``labels`` uint8 [N, f h, f w]. Pixel centres are aligned as in torch's
    ``align_corners=False``: for an even factor f output f i + r lies between two inputs with integer weights in
    units of 1 / (2 f): with o = 2 r + 1 - f, the weight of x[i] is 2 f - |o| and that of the neighbour on the side
    of o is |o|; indices are clamped to the map. Both axes together give scores scaled by (2 f)^2, exact in int32;
    by factor 1 they stay as they are, scale 1.

    Raises:
        ValueError: unless the factor is 1, 2, 4, 8 or 16, there are 2..256 classes and the map has a size.
    """

    kind: ClassVar[str] = "labels"

    batch: int
    height: int
    width: int
    classes: int
    factor: int = 4

    def __post_init__(self) -> None:
        """Check every field."""
        positive(self.kind, batch=self.batch, height=self.height, width=self.width)
        whole(self.kind, 2, 256, classes=self.classes)
        one_of(self.kind, (1, 2, 4, 8, 16), factor=self.factor)

    def inputs(self) -> tuple[TensorSpec, ...]:
        """The scores."""
        return (TensorSpec("scores", (self.batch, self.height, self.width, self.classes), "int16", "data"),)

    def outputs(self) -> tuple[TensorSpec, ...]:
        """The label map."""
        shape = (self.batch, self.factor * self.height, self.factor * self.width)
        return (TensorSpec("labels", shape, "uint8", "data"),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Interpolate one axis after the other, then the greatest score."""
        scores = arrays[0].astype(np.int32)
        for axis in (1, 2):
            scores = interpolate(scores, axis, self.factor)
        return (np.argmax(scores, axis=-1).astype(np.uint8),)

    def cost(self) -> Cost:
        """No multiply-accumulates are counted."""
        return Cost()

    def at(self, shape: tuple[int, ...]) -> Self:
        """The same for scores [N, h, w, K]."""
        return dataclasses.replace(self, batch=shape[0], height=shape[1], width=shape[2])

    def label(self) -> str:
        """Classes, factor and output size."""
        return f"labels {self.classes} x{self.factor} {self.factor * self.height}x{self.factor * self.width}"


def interpolate(values: Array, axis: int, factor: int) -> Array:
    """2 f times the values [..., size, ...] upsampled by ``factor`` f along ``axis``; unchanged for factor 1."""
    if factor == 1:
        return values
    size = values.shape[axis]
    position = np.arange(size * factor)
    index, offset = position // factor, 2 * (position % factor) + 1 - factor
    neighbour = np.clip(index + np.sign(offset), 0, size - 1)
    shape = [-1 if i == axis else 1 for i in range(values.ndim)]
    weight = np.abs(offset).astype(np.int32).reshape(shape)
    return np.take(values, index, axis) * (2 * factor - weight) + np.take(values, neighbour, axis) * weight
