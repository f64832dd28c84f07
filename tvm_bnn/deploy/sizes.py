"""How much of a library is code and how much weights, beside what the weights are in information."""

from __future__ import annotations

from pathlib import Path

from tvm_bnn.deploy.elf import read_elf
from tvm_bnn.deploy.manifest import Sizes
from tvm_bnn.graph.choose import Placed
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.nn.integer import IntegerNetwork, Step
from tvm_bnn.nn.island import FloatOperator
from tvm_bnn.ops import Conv2d, Dense, Operator
from tvm_bnn.ops.tensors import TensorSpec


def sizes(network: IntegerNetwork, compiled: Compiled, library: Path) -> Sizes:
    """Sizes of the library that a compiled network was linked to.

    Parameters that several operators share count once as information, and as often as they are stored.
    """
    ordinary = [operator for _, operator in network.at(compiled.input_shape) if isinstance(operator, FloatOperator)]
    real = sum(spec.nbytes for operator in ordinary for spec in operator.parameters)
    binary, other = _information(network, compiled.input_shape)
    return Sizes(
        code=read_elf(library).code,
        weights=real + sum(_stored(placed, compiled) for placed in compiled.operators),
        information=real + binary + other,
        binary=binary,
    )


def _stored(placed: Placed, compiled: Compiled) -> int:
    lowering = placed.choice.row.lowering
    return sum(spec.nbytes for spec in lowering.parameters(placed.operator, compiled.target))


def _information(network: IntegerNetwork, shape: tuple[int, ...]) -> tuple[int, int]:
    """Bytes of the binary weights, and of all other parameters of integer operators."""
    seen: set[str] = set()
    binary = other = 0
    for step, operator in network.at(shape):
        if not isinstance(step, Step) or not isinstance(operator, Operator):
            continue
        parameters = [spec for spec in operator.inputs() if spec.role == "parameter"]
        for name, spec in zip(step.parameters, parameters, strict=True):
            if name in seen:
                continue
            seen.add(name)
            bits = _binary_bits(operator, spec)
            binary += -(-bits // 8)
            other += 0 if bits else spec.nbytes
    return binary, other


def _binary_bits(operator: Operator, spec: TensorSpec) -> int:
    """Bits of a binary weight, padding left out; 0 for other parameters."""
    if spec.name != "weight":
        return 0
    if isinstance(operator, Conv2d):
        return operator.out_channels * operator.depth * operator.weight_bits
    if isinstance(operator, Dense):
        return operator.out_features * operator.in_features * operator.weight_bits
    return 0
