"""Lowerings that leave the parameters as they are: what they lay out anew, they do inside the function."""

from __future__ import annotations

from collections.abc import Mapping

from tvm_bnn.lowering.base import Array, Lowering, canonical_parameters
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target


class Plain(Lowering):
    """For every operator of its kind, with canonical parameters."""

    def declines(self, operator: Operator, target: Target) -> str | None:
        """Never."""
        return None

    def parameters(self, operator: Operator, target: Target) -> tuple[TensorSpec, ...]:
        """The canonical ones."""
        return tuple(canonical_parameters(operator))

    def pack(self, operator: Operator, target: Target, canonical: Mapping[str, Array]) -> dict[str, Array]:
        """Nothing to do."""
        return dict(canonical)
