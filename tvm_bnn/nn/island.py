"""Ordinary torch operators between integer ones: steps in floating point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from tvm_bnn.errors import UsageError
from tvm_bnn.ops import Cost, Products, TensorSpec
from tvm_bnn.ops.epilogue import INT16_MAX, INT16_MIN

_FLOAT_BITS = 32


@dataclass(frozen=True)
class Read:
    """How an island takes up a value.

    Attributes:
        fraction: a unit of the integers is worth 2^-fraction; None where the value is real already.
        rank: of the tensor in torch: 4 for a map [N, C, H, W], 2 for rows [N, C].
    """

    fraction: int | None
    rank: int

    def real(self, value: Tensor) -> Tensor:
        """Integers, channels last, as float32 in torch's order: exact."""
        if self.fraction is None:
            return value
        scaled = value.to(torch.float32) * 2.0**-self.fraction
        return scaled.flatten(1) if self.rank == 2 else scaled.permute(0, 3, 1, 2)


def stream_of(value: Tensor, fraction: int) -> Tensor:
    """A real map [N, C, H, W] or rows [N, C] as a saturating int16 stream [N, H, W, C] or [N, 1, 1, C].

    A value x becomes floor(x 2^fraction + 1/2).
    """
    whole = torch.floor(value.to(torch.float32) * 2.0**fraction + 0.5).clamp(INT16_MIN, INT16_MAX).to(torch.int16)
    return whole[:, None, None] if value.dim() == 2 else whole.permute(0, 2, 3, 1).contiguous()


class Island(nn.Module):
    """Ordinary operators with the way in from integers and the way out to them.

    Args:
        body: takes and gives real tensors, several as a tuple.
        reads: how each input is taken up.
        fractions: for each output that of the int16 stream that it becomes, or None where it stays as it is.
    """

    def __init__(self, body: nn.Module, reads: Sequence[Read], fractions: Sequence[int | None]) -> None:
        super().__init__()
        self.body = body
        self.reads = tuple(reads)
        self.fractions = tuple(fractions)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """The outputs for integers, channels last, and real values of other islands."""
        results = self.body(*(read.real(value) for read, value in zip(self.reads, values, strict=True)))
        return tuple(
            result if fraction is None else stream_of(result, fraction)
            for result, fraction in zip(results, self.fractions, strict=True)
        )


@dataclass(frozen=True)
class FloatOperator:
    """An island for some size of the picture: what can be asked of an operator, except for its integers.

    Attributes:
        functions: what it computes, in order.
        data: the tensors that it reads.
        parameters: the numbers that it holds.
        written: the tensors that it writes.
        macs: multiply-accumulates.
    """

    kind: ClassVar[str] = "float"

    functions: tuple[str, ...]
    data: tuple[TensorSpec, ...]
    parameters: tuple[TensorSpec, ...]
    written: tuple[TensorSpec, ...]
    macs: int

    def inputs(self) -> tuple[TensorSpec, ...]:
        """Data, then parameters."""
        return self.data + self.parameters

    def outputs(self) -> tuple[TensorSpec, ...]:
        """The tensors that are written, in order."""
        return self.written

    def cost(self) -> Cost:
        """Multiply-accumulates of 32 x 32 bits."""
        return Cost((Products(self.macs, _FLOAT_BITS, _FLOAT_BITS),) if self.macs else ())

    @property
    def bytes_moved(self) -> int:
        """Compulsory traffic in bytes: every input and output once."""
        return sum(spec.nbytes for spec in self.inputs() + self.outputs())

    @property
    def numbers(self) -> int:
        """How many numbers the parameters hold."""
        return sum(math.prod(spec.shape) for spec in self.parameters)

    def label(self) -> str:
        """A short name for people, such as ``float cat, MaxPool2d``."""
        return f"{self.kind} {', '.join(self.functions)}"


@dataclass(frozen=True)
class FloatStep:
    """One island in its place.

    Attributes:
        name: place in the user's model; unique in the network.
        module: the computation.
        inputs: ids of the values it reads, in the order of ``module.reads``.
        outputs: ids of the values it writes, in the order of ``module.fractions``.
        functions: what it computes, in order, each once.
        inexact: those of them whose result may differ from target to target.
    """

    name: str
    module: Island
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    functions: tuple[str, ...]
    inexact: tuple[str, ...]

    @property
    def bit_identical(self) -> bool:
        """Whether every target gives the same bytes."""
        return not self.inexact

    @torch.no_grad()
    def at(self, shapes: Sequence[TensorSpec]) -> FloatOperator:
        """What the island is for inputs of these shapes and dtypes; nothing is computed.

        Raises:
            UsageError: the operators cannot work on these shapes.
        """
        try:
            with FakeTensorMode(allow_non_fake_inputs=True), FlopCounterMode(display=False) as counter:
                results = self.module(*(torch.empty(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in shapes))
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(
                f"{self.name}: {reason}", "give a picture whose height and width are multiples of the network's stride"
            ) from error
        names = (output.rpartition(":")[2] for output in self.outputs)
        written = tuple(_spec(name, result, "data") for name, result in zip(names, results, strict=True))
        return FloatOperator(self.functions, tuple(shapes), self._parameters(), written, counter.get_total_flops() // 2)

    def _parameters(self) -> tuple[TensorSpec, ...]:
        held = [*self.module.named_parameters(), *self.module.named_buffers()]
        return tuple(_spec(name, tensor, "parameter") for name, tensor in held if tensor.is_floating_point())


def _spec(name: str, tensor: Tensor, role: Literal["data", "parameter"]) -> TensorSpec:
    return TensorSpec(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), role)
