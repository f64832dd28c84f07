"""How often a statement is executed: the points of its loops at which all conditions around it hold.

Extents are constant. Conditions speak of loop variables alone; they are evaluated by NumPy, together only where they
share variables, so the number is exact and a large map costs little.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Expr = Any
Grid = NDArray[Any]

_MOST_POINTS = 2**22
"""Points that are evaluated at once."""

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "FloorDiv": operator.floordiv,
    "FloorMod": operator.mod,
    "Min": np.minimum,
    "Max": np.maximum,
    "LT": operator.lt,
    "LE": operator.le,
    "GT": operator.gt,
    "GE": operator.ge,
    "EQ": operator.eq,
    "NE": operator.ne,
    "And": np.logical_and,
    "Or": np.logical_or,
}


@dataclass(frozen=True)
class Loop:
    """A loop with a constant first value and extent."""

    variable: Any
    first: int
    extent: int


@dataclass(frozen=True)
class Domain:
    """Loops around a statement, outermost first, and conditions on their variables."""

    loops: tuple[Loop, ...] = ()
    conditions: tuple[Expr, ...] = field(default=(), hash=False, compare=False)

    def inside(self, variable: Any, first: int, extent: int) -> Domain:
        """The same within one more loop."""
        return Domain((*self.loops, Loop(variable, first, extent)), self.conditions)

    def where(self, condition: Expr) -> Domain:
        """The same under one more condition."""
        return Domain(self.loops, (*self.conditions, *_conjuncts(condition)))

    @cached_property
    def points(self) -> int:
        """Executions.

        Raises:
            ValueError: a condition does not follow from loop variables.
        """
        loops = {hash(loop.variable): loop for loop in self.loops}
        free = set(loops)
        total = 1
        for names, conditions in _connected(self.conditions):
            total *= _satisfying([loops[name] for name in names], conditions)
            free -= names
        return total * math.prod(loops[name].extent for name in free)


def _conjuncts(condition: Expr) -> Iterator[Expr]:
    if type(condition).__name__ == "And":
        yield from _conjuncts(condition.a)
        yield from _conjuncts(condition.b)
    else:
        yield condition


def _connected(conditions: Iterable[Expr]) -> list[tuple[set[int], list[Expr]]]:
    """Conditions in groups that share no variable, each with its variables."""
    groups: list[tuple[set[int], list[Expr]]] = []
    for condition in conditions:
        names, together = _variables(condition), [condition]
        apart = []
        for group in groups:
            if group[0] & names:
                names, together = names | group[0], group[1] + together
            else:
                apart.append(group)
        groups = [*apart, (names, together)]
    return groups


def _variables(expression: Expr) -> set[int]:
    if type(expression).__name__ == "Var":
        return {hash(expression)}
    return set().union(*(_variables(part) for part in _parts(expression)))


def _parts(expression: Expr) -> tuple[Expr, ...]:
    kind = type(expression).__name__
    if kind in _BINARY:
        return expression.a, expression.b
    if kind == "Not":
        return (expression.a,)
    if kind == "Cast":
        return (expression.value,)
    if kind in ("Var", "IntImm"):
        return ()
    raise ValueError(f"expected a condition on loop variables, got {expression}")


def _satisfying(loops: list[Loop], conditions: list[Expr]) -> int:
    """Points at which all conditions hold; the longest loop is cut into pieces of bounded size."""
    loops = sorted(loops, key=lambda loop: -loop.extent)
    if not loops:
        return int(all(bool(_value(condition, {})) for condition in conditions))
    longest, *others = loops
    piece = max(1, _MOST_POINTS // math.prod(loop.extent for loop in others))
    end = longest.first + longest.extent
    starts = range(longest.first, end, piece)
    return sum(_holds([(longest, start, min(start + piece, end)), *_whole(others)], conditions) for start in starts)


def _whole(loops: Iterable[Loop]) -> list[tuple[Loop, int, int]]:
    return [(loop, loop.first, loop.first + loop.extent) for loop in loops]


def _holds(ranges: list[tuple[Loop, int, int]], conditions: list[Expr]) -> int:
    axes = np.ix_(*(np.arange(start, end) for _, start, end in ranges))
    values = {hash(loop.variable): axis for (loop, _, _), axis in zip(ranges, axes, strict=True)}
    shape = tuple(end - start for _, start, end in ranges)
    held = np.ones(shape, bool)
    for condition in conditions:
        held &= np.asarray(_value(condition, values), bool)
    return int(held.sum())


def _value(expression: Expr, values: Mapping[int, Grid]) -> Any:
    kind = type(expression).__name__
    if kind == "Var":
        return values[hash(expression)]
    if kind == "IntImm":
        return int(expression.value)
    parts = [_value(part, values) for part in _parts(expression)]
    if kind in _BINARY:
        return _BINARY[kind](*parts)
    return np.logical_not(parts[0]) if kind == "Not" else parts[0]
