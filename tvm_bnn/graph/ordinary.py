"""Phase ``arrange_ordinary``: loops for the user's ordinary operators.

By now ordinary operators are functions of plain loops, fused with their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tvm_bnn._tvm import numbers_of_calls, tirx
from tvm_bnn.graph.choose import ChooseLowering, Placed
from tvm_bnn.graph.loops import arranged, arranged_for_gpu
from tvm_bnn.nn.integer import Placement
from tvm_bnn.nn.island import FloatOperator
from tvm_bnn.targets import Target


@dataclass(frozen=True)
class Ordinary:
    """Steps of ordinary operators between two kernels of the compiled network.

    Attributes:
        names: their places in the user's model.
        operators: what they are.
    """

    names: tuple[str, ...]
    operators: tuple[FloatOperator, ...]


Executed = Placed | Ordinary
"""What is timed as one."""


class ArrangeOrdinary:
    """Rewrites the functions that are no kernels.

    Args:
        target: to arrange them for.
        threads: cores.
        choose: the phase that has placed the kernels.

    Attributes:
        functions: names of the functions that are no kernels.
        kernels: in the order in which they will be executed, which fusion may have changed.
    """

    def __init__(self, target: Target, threads: int, choose: ChooseLowering) -> None:
        self.target = target
        self.threads = threads
        self.choose = choose
        self.functions: frozenset[str] = frozenset()
        self.kernels: list[Placed] = []

    def __call__(self, module: Any) -> Any:
        """The module with the loops of ordinary functions arranged."""
        self.kernels = [self.choose.placed[number] for number in numbers_of_calls(module["main"])]
        assert len(self.kernels) == len(self.choose.placed)
        kernels = {placed.function for placed in self.kernels}
        ordinary = {
            variable: function
            for variable, function in module.functions_items()
            if isinstance(function, tirx.PrimFunc) and variable.name_hint not in kernels
        }
        for variable, function in ordinary.items():
            module.update_func(variable, self._arranged(function))
        self.functions = frozenset(variable.name_hint for variable in ordinary)
        return module

    def _arranged(self, function: Any) -> Any:
        if self.target.cuda is not None:
            return arranged_for_gpu(function)
        return arranged(function, self.target.lanes, self.threads)


def executed(placements: Sequence[Placement], kernels: Sequence[Placed]) -> Iterator[Executed]:
    """What a compiled network executes, in order: its kernels, and between two of them all ordinary steps at once.

    Args:
        placements: the steps of the network at the size of the picture.
        kernels: of the network, in the order of execution.
    """
    position = {step.name: index for index, (step, _) in enumerate(placements)}
    waiting = [(step.name, operator) for step, operator in placements if isinstance(operator, FloatOperator)]
    for kernel in kernels:
        before = [pair for pair in waiting if position[pair[0]] < position[kernel.name]]
        if before:
            yield Ordinary(*map(tuple, zip(*before, strict=True)))
            waiting = waiting[len(before) :]
        yield kernel
    if waiting:
        yield Ordinary(*map(tuple, zip(*waiting, strict=True)))
