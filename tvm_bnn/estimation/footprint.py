"""How many bytes of memory a part of a scheduled loop nest touches.

The nest is what :mod:`tvm_bnn.verification.counting` counts in. For each buffer, the places that one execution of a
part touches are taken for a box: in each dimension the values that the index takes while the loops inside the part run
and those outside stand at their first value. Lines of the cache are whole. A loop that was fused from others is taken
apart again where its variable is divided. Arms of conditions count wherever they stand. Registers are no memory, and
neither are buffers of the function's own that are so small that they stay in registers or nearby whatever happens.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tvm_bnn._tvm import ir, lanes_of, tirx
from tvm_bnn.verification.counting import buffer_bytes, plain_loops

_LINE = 64
_REGISTERS = "local"
_SMALL = 1024
"""Bytes up to which a buffer of the function's own is taken for registers."""

_PARTS = ("a", "b", "value", "base", "stride", "condition", "true_value", "false_value")

Span = tuple[int, int]
"""The least and the greatest value."""

Box = tuple[Span, ...]
"""A span along each axis."""

Ranges = Mapping[Any, Span]
"""The values of loop variables; one that is absent stands at its first value."""


@dataclass(frozen=True)
class Access:
    """One place in the code that reads or writes a buffer."""

    buffer: Any
    indices: tuple[Any, ...]


@dataclass
class Part:
    """A loop or a sequence.

    Attributes:
        loop: variable of a loop; None for a sequence.
        first: its first value.
        extent: iterations.
        step: by how much an iteration moves the variable; several loops move the same one if they were fused.
        parts: what is in it, in order.
        accesses: what it reads and writes itself.
    """

    loop: Any = None
    first: int = 0
    extent: int = 1
    step: int = 1
    parts: list[Part] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)

    def everything(self) -> Iterator[Part]:
        """This part and all parts in it."""
        yield self
        for part in self.parts:
            yield from part.everything()


def nest_of(function: Any) -> Part:
    """The loop nest of a scheduled function.

    Raises:
        ValueError: a loop whose extent is not constant.
    """
    plain = tirx.transform.StmtSimplify()(ir.IRModule({"main": plain_loops(function)}))["main"]
    nest = _part(plain.body)
    given = {hash(parameter) for parameter in plain.params}
    for part in nest.everything():
        part.accesses = [one for one in part.accesses if hash(one.buffer) in given or buffer_bytes(one.buffer) > _SMALL]
    return nest


def footprint(part: Part) -> dict[Any, int]:
    """Bytes of each buffer that one execution of a part touches, all of its iterations together."""
    return _touched(part, [part])


def footprint_of_iteration(part: Part) -> dict[Any, int]:
    """The same for the first iteration of a loop."""
    return _touched(part, part.parts)


def _touched(part: Part, running: Iterable[Part]) -> dict[Any, int]:
    ranges = {one.loop: (one.first, one.first) for one in part.everything() if one.loop is not None}
    for one in (inner for outer in running for inner in outer.everything() if inner.loop is not None):
        first, last = ranges[one.loop]
        ranges[one.loop] = (first, last + (one.extent - 1) * one.step)
    boxes: dict[Any, set[Box]] = {}
    for access in (access for one in part.everything() for access in one.accesses):
        box = tuple(_span(index, ranges) or (0, int(extent) - 1) for index, extent in _dimensions(access))
        boxes.setdefault(access.buffer, set()).add(box)
    return {buffer: _boxes_bytes(buffer, found) for buffer, found in boxes.items()}


def _boxes_bytes(buffer: Any, boxes: set[Box]) -> int:
    """Bytes of several boxes: of the one around them, or of all of them where they lie far apart."""
    around = tuple(_hull(*sides) for sides in zip(*boxes, strict=True))
    return min(_box_bytes(buffer, around), sum(_box_bytes(buffer, box) for box in boxes))


def _dimensions(access: Access) -> Iterator[tuple[Any, Any]]:
    return zip(access.indices, access.buffer.shape, strict=True)


def _hull(*sides: Span) -> Span:
    first, last = zip(*sides, strict=True)
    return min(first), max(last)


def _box_bytes(buffer: Any, box: Box) -> int:
    """Bytes of the lines that a box of a buffer lies in."""
    shape = [int(extent) for extent in buffer.shape]
    size = buffer_bytes(buffer)
    element = size // math.prod(shape)
    counts = [min(last - first + 1, extent) for (first, last), extent in zip(box, shape, strict=True)]
    run = element
    while counts:
        inner, extent = counts.pop(), shape.pop()
        run *= inner
        if inner < extent:
            break
    return min(size, math.prod(counts) * math.ceil(run / _LINE) * _LINE)


def _part(statement: Any) -> Part:
    match type(statement).__name__:
        case "SeqStmt":
            return Part(parts=[_part(one) for one in statement.seq])
        case "For":
            if not (_constant(statement.min) and _constant(statement.extent)):
                raise ValueError(f"expected a loop of constant extent, got {statement.extent}")
            body = _part(statement.body)
            return _taken_apart(statement.loop_var, int(statement.min.value), int(statement.extent.value), body)
        case "IfThenElse":
            arms = [_part(statement.then_case)]
            arms += [] if statement.else_case is None else [_part(statement.else_case)]
            return Part(parts=arms, accesses=_accesses(statement.condition))
        case "AttrStmt":
            return _part(statement.body)
        case "BufferStore":
            stored = [Access(statement.buffer, tuple(statement.indices))] if _in_memory(statement.buffer) else []
            values = [*statement.indices, statement.value]
            return Part(accesses=[*stored, *(access for value in values for access in _accesses(value))])
        case "Evaluate":
            return Part(accesses=_accesses(statement.value))
        case _:
            return Part()


def _taken_apart(variable: Any, first: int, extent: int, body: Part) -> Part:
    """The loops that a fused one was made of, as far as the divisions of its variable tell."""
    indices = (index for part in body.everything() for access in part.accesses for index in access.indices)
    steps = [1]
    for seam in sorted(set().union(*(_seams(index, variable)[1] for index in indices))):
        if first == 0 and steps[-1] < seam < extent and seam % steps[-1] == 0 and extent % seam == 0:
            steps.append(seam)
    part = body
    for step, whole in pairwise([*steps, extent]):
        part = Part(variable, first, whole // step, step, [part])
    return part


def _seams(expression: Any, variable: Any) -> tuple[int, set[int]]:
    """By how much the variable must move to move the expression, 0 if it never does; at which multiples it jumps."""
    kind = type(expression).__name__
    if kind == "Var":
        return int(expression.same_as(variable)), set()
    if kind in ("FloorDiv", "FloorMod") and _constant(expression.b):
        unit, seams = _seams(expression.a, variable)
        seam = unit * int(expression.b.value)
        return (seam if kind == "FloorDiv" else unit), seams | ({seam} if seam else set())
    found = [_seams(part, variable) for part in _children(expression)]
    return min((unit for unit, _ in found if unit), default=0), set().union(*(seams for _, seams in found))


def _children(expression: Any) -> list[Any]:
    parts = [getattr(expression, name) for name in _PARTS if hasattr(expression, name)]
    return [part for part in parts if hasattr(part, "ty")]


def _in_memory(buffer: Any) -> bool:
    return buffer.scope() != _REGISTERS


def _accesses(expression: Any) -> list[Access]:
    """The places that an expression reads."""
    kind = type(expression).__name__
    if kind == "Call":
        return [access for argument in expression.args for access in _accesses(argument)]
    if kind == "TensorLoad":
        read = [Access(expression.source, tuple(expression.indices))] if _in_memory(expression.source) else []
        return [*read, *(access for index in expression.indices for access in _accesses(index))]
    return [access for part in _children(expression) for access in _accesses(part)]


def _constant(value: Any) -> bool:
    return type(value).__name__ == "IntImm"


def _span(expression: Any, ranges: Ranges) -> Span | None:
    """The values of an index; None where it depends on data."""
    kind = type(expression).__name__
    if kind == "IntImm":
        return int(expression.value), int(expression.value)
    if kind == "Var":
        return ranges.get(expression, (0, 0))
    if kind in ("Cast", "Broadcast"):
        return _span(expression.value, ranges)
    if kind == "Ramp":
        lanes = tirx.const(lanes_of(expression) - 1)
        base, last = _span(expression.base, ranges), _span(expression.base + expression.stride * lanes, ranges)
        return None if base is None or last is None else _hull(base, last)
    if kind == "Select":
        left, right = _span(expression.true_value, ranges), _span(expression.false_value, ranges)
        return None if left is None or right is None else _hull(left, right)
    if kind not in _OPERATIONS:
        return None
    left, right = _span(expression.a, ranges), _span(expression.b, ranges)
    return None if left is None or right is None else _OPERATIONS[kind](left, right)


def _corners(left: Span, right: Span, operation: Callable[[int, int], int]) -> Span:
    values = [operation(a, b) for a in left for b in right]
    return min(values), max(values)


def _quotient(left: Span, right: Span) -> Span:
    return _corners(left, right, operator.floordiv)


def _remainder(left: Span, right: Span) -> Span:
    divisor = right[1]
    if right[0] == divisor and left[0] // divisor == left[1] // divisor:
        return left[0] % divisor, left[1] % divisor
    return 0, divisor - 1


_OPERATIONS: dict[str, Callable[[Span, Span], Span]] = {
    "Add": lambda left, right: (left[0] + right[0], left[1] + right[1]),
    "Sub": lambda left, right: (left[0] - right[1], left[1] - right[0]),
    "Mul": lambda left, right: _corners(left, right, operator.mul),
    "FloorDiv": _quotient,
    "FloorMod": _remainder,
    "Min": lambda left, right: (min(left[0], right[0]), min(left[1], right[1])),
    "Max": lambda left, right: (max(left[0], right[0]), max(left[1], right[1])),
}
