"""What a network is made of: parameters and multiply-accumulates of every layer by their bits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tvm_bnn.lowering.base import canonical_parameters
from tvm_bnn.nn.integer import IntegerNetwork
from tvm_bnn.nn.island import FloatOperator, FloatStep
from tvm_bnn.ops import AccumulatingOperator, Conv2d, Dense, Operator, TensorSpec
from tvm_bnn.ops.base import Described
from tvm_bnn.profiling.cost import Work, work


@dataclass(frozen=True)
class Layer:
    """One operator of a network.

    Attributes:
        name: place in the user's model.
        kind: of the operator.
        output: shape of the first output; packed signs are given in channels.
        bits: activation x weight bits of its products, such as ``1x1`` or ``1x1+8x1``; empty without products.
        binary_parameters: weights of one or two bits.
        real_parameters: weights of 8 bits.
        other_parameters: what scales, thresholds, activations and ordinary operators need, mostly of 16 and 32 bits.
        parameter_bytes: all of them in memory.
        work: what one picture takes.
        inexact: ordinary operators in it whose result may differ from target to target.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    bits: str
    binary_parameters: int
    real_parameters: int
    other_parameters: int
    parameter_bytes: int
    work: Work
    inexact: tuple[str, ...] = ()

    @property
    def bit_identical(self) -> bool:
        """Whether every target gives the same bytes."""
        return not self.inexact


def summarise(network: IntegerNetwork, shape: tuple[int, ...]) -> list[Layer]:
    """The layers for pictures of ``shape`` [N, H, W, 3], in the order of execution.

    Parameters that several layers share belong to the first of them.

    Raises:
        UsageError: the shape does not fit the network.
    """
    seen: set[str] = set()
    layers = []
    for step, operator in network.at(shape):
        if isinstance(step, FloatStep):
            assert isinstance(operator, FloatOperator)
            layers.append(_ordinary(step.name, operator, step.inexact))
            continue
        assert isinstance(operator, Operator)
        named = zip(step.parameters, canonical_parameters(operator), strict=True)
        layers.append(_layer(step.name, operator, [spec for name, spec in named if name not in seen]))
        seen.update(step.parameters)
    return layers


def _layer(name: str, operator: Operator, parameters: list[TensorSpec]) -> Layer:
    weights = sum(_weights(operator, spec) for spec in parameters if spec.name == "weight")
    binary = isinstance(operator, Conv2d | Dense)
    return Layer(
        name=name,
        kind=operator.kind,
        output=_output(operator),
        bits=_bits(operator),
        binary_parameters=weights if binary else 0,
        real_parameters=0 if binary else weights,
        other_parameters=sum(math.prod(spec.shape) for spec in parameters if spec.name != "weight"),
        parameter_bytes=sum(spec.nbytes for spec in parameters),
        work=work(operator),
    )


def _ordinary(name: str, operator: FloatOperator, inexact: tuple[str, ...]) -> Layer:
    return Layer(
        name=name,
        kind=operator.kind,
        output=operator.outputs()[0].shape,
        bits=_bits(operator),
        binary_parameters=0,
        real_parameters=0,
        other_parameters=operator.numbers,
        parameter_bytes=sum(spec.nbytes for spec in operator.parameters),
        work=work(operator),
        inexact=inexact,
    )


def _bits(operator: Described) -> str:
    return "+".join(f"{product.activation_bits}x{product.weight_bits}" for product in operator.cost().products)


def _weights(operator: Operator, spec: TensorSpec) -> int:
    """How many numbers the weight holds: packed words hold many, and padding counts for none."""
    if isinstance(operator, Conv2d):
        return operator.out_channels * operator.depth
    if isinstance(operator, Dense):
        return operator.out_features * operator.in_features
    return math.prod(spec.shape)


def _output(operator: Operator) -> tuple[int, ...]:
    if isinstance(operator, AccumulatingOperator):
        return operator.accumulator_shape()
    return operator.outputs()[0].shape


def total(layers: Iterable[Layer]) -> Layer:
    """The sum of all layers, under the name ``total``."""
    rows = list(layers)
    return Layer(
        name="total",
        kind="",
        output=(),
        bits="",
        binary_parameters=sum(row.binary_parameters for row in rows),
        real_parameters=sum(row.real_parameters for row in rows),
        other_parameters=sum(row.other_parameters for row in rows),
        parameter_bytes=sum(row.parameter_bytes for row in rows),
        work=sum((row.work for row in rows), Work()),
    )
