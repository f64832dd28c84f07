"""Where two runs of a network part: every value of a compiled network, and the first one that differs.

A run is a mapping from the ids of an integer network's values to arrays: what :meth:`IntegerNetwork.trace` gives for
the reference and :func:`compiled_trace` for a compiled network, on this host or saved from another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tvm_bnn.deploy.vm import machine, on_threads, tensor
from tvm_bnn.graph.choose import Placed
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.nn.integer import IMAGE, IntegerNetwork, Step
from tvm_bnn.ops.tensors import Array

Run = Mapping[str, Array]


@dataclass(frozen=True)
class Divergence:
    """The first value that differs between two runs, in the order of computation.

    Attributes:
        operator: its place in the user's model, or ``image`` where the pictures differ.
        output: which of the operator's outputs.
        index: the first element that differs: picture, row, column, then channel or word.
        left: that element in the first run.
        right: that element in the second run.
        count: how many elements of this output differ.
        total: of how many.
    """

    operator: str
    output: str
    index: tuple[int, ...]
    left: float
    right: float
    count: int
    total: int

    def __str__(self) -> str:
        place = f"{self.operator}: {self.output}{list(self.index)}"
        return f"{place} is {self.left} against {self.right}; {self.count} of {self.total} differ"


def first_divergence(network: IntegerNetwork, left: Run, right: Run) -> Divergence | None:
    """The first value of ``network`` that differs between two runs; None where all that both hold are equal.

    Raises:
        ValueError: the runs have no value in common, or a value of different shape.
    """
    common = [place for place in _values(network) if place[2] in left and place[2] in right]
    if not common:
        raise ValueError("expected two runs of the network, got none of its values in both")
    for operator, output, value in common:
        differs = _differs(operator, output, left[value], right[value])
        if differs.any():
            index = tuple(int(i) for i in np.argwhere(differs)[0])
            elements = left[value][index].item(), right[value][index].item()
            return Divergence(operator, output, index, *elements, int(differs.sum()), differs.size)
    return None


def _values(network: IntegerNetwork) -> Iterator[tuple[str, str, str]]:
    """Operator, output and id of every value, in the order of computation."""
    yield IMAGE, IMAGE, IMAGE
    for step in network.steps:
        for value in step.outputs:
            yield step.name, value.rpartition(":")[2], value


def _differs(operator: str, output: str, left: Array, right: Array) -> Array:
    if left.shape != right.shape:
        shapes = f"{list(left.shape)} and {list(right.shape)}"
        raise ValueError(f"{operator}: expected {output} of one shape in both runs, got {shapes}")
    return np.asarray(left != right)


def compiled_trace(
    compiled: Compiled, network: IntegerNetwork, image: Array, teacher: Run | None = None
) -> dict[str, Array]:
    """Every value that kernels of a compiled network read or write for a picture, and its result, by their ids.

    They are read from the executable itself while it runs, so its use of memory is on trial too.

    Args:
        compiled: for this host.
        network: what was compiled.
        image: the picture, uint8 of ``compiled.input_shape``.
        teacher: a run to take every operator's inputs from, such as the reference's; an operator that is wrong then
            does not make those after it wrong.
    """
    observer = _Observer(compiled, network, teacher or {})
    virtual_machine = machine(compiled.executable, tiles=compiled.tiles)
    virtual_machine.set_instrument(observer.instrument)
    with on_threads(compiled.threads):
        result = virtual_machine["main"](tensor(image))
    return {**observer.values, network.output: result.numpy(), IMAGE: image}


class _Observer:
    """Copies what kernels read and write, and replaces what they read."""

    def __init__(self, compiled: Compiled, network: IntegerNetwork, teacher: Run) -> None:
        self.values: dict[str, Array] = {}
        self._teacher = teacher
        self._functions = frozenset(placed.function for placed in compiled.operators)
        self._steps = {step.name: step for step in network.steps if isinstance(step, Step)}
        self._calls: Iterator[Placed] = iter(compiled.operators)
        self._step: Step | None = None

    def instrument(self, _function: Any, name: str, before: bool, _result: Any, *arguments: Any) -> None:
        """What the virtual machine calls before and after every call."""
        if name not in self._functions:
            return
        if before:
            # The same function may serve several operators: which of them, the order of calls tells.
            placed = next(self._calls)
            assert placed.function == name, f"expected a call of {placed.function}, got {name}"
            self._step = self._steps[placed.name]
            read = zip(self._step.inputs, arguments, strict=False)
            # What another kernel wrote is known; this is how values between ordinary operators and kernels are seen.
            self.values |= {value: array.numpy() for value, array in read if value not in self.values}
            self._teach(self._step, arguments)
        else:
            assert self._step is not None
            written = arguments[-len(self._step.outputs) :]
            self.values |= {value: array.numpy() for value, array in zip(self._step.outputs, written, strict=True)}

    def _teach(self, step: Step, arguments: tuple[Any, ...]) -> None:
        for value, array in zip(step.inputs, arguments, strict=False):
            if value in self._teacher:
                array.copyfrom(self._teacher[value].reshape(array.shape))
