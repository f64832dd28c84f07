"""Operations of a scheduled function, counted from its loops.

The function goes through the same phases as on its way to code, up to plain loops: predicates of ragged tiles have
become conditions, tensor intrinsics are instructions, buffers have the size that is left of them. Then every statement
is taken as often as it is executed (:mod:`tvm_bnn.verification.domain`).

An operation counts where one of its operands comes from memory; arithmetic on loop variables alone is addressing and
counts nothing. What occurs several times in one statement counts once.
"""

from __future__ import annotations

import math
import re
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tvm_bnn._tvm import ir, lanes_of, s_tir, tirx, tvm
from tvm_bnn.verification.domain import Domain
from tvm_bnn.verification.meanings import BY_ELEMENT, Meaning, of_instruction
from tvm_bnn.verification.operations import Operations

Expr = Any
_REGISTERS = "local"

_ARITHMETIC = {"Add", "Sub", "Mul"}
_BITWISE = {"BitwiseAnd", "BitwiseOr", "BitwiseXor", "LShift", "RShift"}
_DIVISIONS = {"Div", "FloorDiv", "Mod", "FloorMod"}
_COMPARISONS = {"Min", "Max", "LT", "LE", "GT", "GE", "EQ", "NE"}
_LOGIC = {"And", "Or"}
_OPERANDS = {
    **dict.fromkeys((*_ARITHMETIC, *_BITWISE, *_DIVISIONS, *_COMPARISONS, *_LOGIC), ("a", "b")),
    **dict.fromkeys(("Not", "BitwiseNot"), ("a",)),
    "Cast": ("value",),
    "Broadcast": ("value",),
    "Ramp": ("base", "stride"),
    "Select": ("condition", "true_value", "false_value"),
}
_MEETING = {"BitwiseXor", "BitwiseAnd"}
"""Where two bits meet before they are counted."""


@dataclass(frozen=True)
class Count:
    """What one call of a function does and needs.

    Attributes:
        operations: by kind.
        compulsory: bytes of its parameters: all inputs and outputs once.
        scratch: bytes that it allocates on one core, none of them shared between buffers.
    """

    operations: Operations
    compulsory: int
    scratch: int


def count(function: Any) -> Count:
    """Count a scheduled function, or one that is only tensor expressions.

    Raises:
        ValueError: a loop, a condition or a call whose operations do not follow from the code.
    """
    lowered = plain_loops(function)
    counter = _Counter()
    counter.statement(lowered.body, Domain())
    parameters = sum(buffer_bytes(parameter) for parameter in lowered.params)
    return Count(counter.total, parameters, counter.allocated)


def plain_loops(function: Any) -> Any:
    """The function without blocks, its buffers where they are used."""
    passes = s_tir.transform
    phases = tvm.transform.Sequential(
        [
            passes.CanonicalizeLoop(),
            passes.LowerInitBlock(),
            passes.PlanAndUpdateBufferAllocationLocation(),
            passes.ConvertBlocksToOpaque(),
            passes.CompactBufferAllocation(),
            passes.LowerMatchBuffer(),
            passes.LowerOpaqueBlock(),
        ]
    )
    return phases(ir.IRModule({"main": function.with_attr("global_symbol", "main")}))["main"]


class _Counter:
    """Walks statements and adds up."""

    def __init__(self) -> None:
        self.total = Operations()
        self.allocated = 0

    def statement(self, statement: Any, domain: Domain) -> None:
        """Count one statement, executed at every point of ``domain``."""
        match type(statement).__name__:
            case "SeqStmt":
                for part in statement.seq:
                    self.statement(part, domain)
            case "For":
                first, extent = (_constant(value) for value in (statement.min, statement.extent))
                self.statement(statement.body, domain.inside(statement.loop_var, first, extent))
            case "IfThenElse":
                self.statement(statement.then_case, domain.where(statement.condition))
                if statement.else_case is not None:
                    self.statement(statement.else_case, domain.where(tirx.Not(statement.condition)))
            case "AttrStmt":
                self.statement(statement.body, domain)
            case "AllocBuffer":
                self.allocated += buffer_bytes(statement.buffer)
            case "BufferStore":
                self._store(statement, domain)
            case "Evaluate":
                _Values(self).visit(statement.value, domain)
            case "DeclBuffer":
                pass
            case other:
                raise ValueError(f"expected loops, conditions and stores, got {other}: {statement}")

    def add(self, operations: Operations, domain: Domain) -> None:
        """Count ``operations`` at every point of ``domain``."""
        self.total += operations * domain.points

    def _store(self, store: Any, domain: Domain) -> None:
        values = _Values(self)
        for index in store.indices:
            values.visit(index, domain)
        values.visit(store.value, domain)
        if store.buffer.scope() != _REGISTERS:
            self.add(Operations(stored=_bits(store.value) * lanes_of(store.value) // 8), domain)


class _Value(NamedTuple):
    """What an expression yields: equal numbers for equal expressions, and whether it comes from memory."""

    number: int
    data: bool


class _Values:
    """The expressions of one statement."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._numbers: dict[object, int] = {}
        self._known: ChainMap[int, bool] = ChainMap()

    def visit(self, expression: Expr, domain: Domain) -> _Value:
        """Count an expression and what it is made of."""
        kind = type(expression).__name__
        if kind in ("Var", "IntImm", "FloatImm", "StringImm"):
            return self._numbered((kind, hash(expression) if kind == "Var" else str(expression)), False)
        if kind == "TensorLoad":
            return self._load(expression, domain)
        if kind == "Call":
            return self._call(expression, domain)
        if kind not in _OPERANDS:
            raise ValueError(f"expected an expression that can be counted, got {kind}: {expression}")
        parts = [self.visit(getattr(expression, name), domain) for name in _OPERANDS[kind]]
        return self._operation((kind, str(expression.ty)), parts, lambda: _elementary(expression), domain)

    def _operation(
        self, name: object, parts: list[_Value], operations: Callable[[], Operations], domain: Domain
    ) -> _Value:
        """An operation on ``parts``, counted if any of them is data and it has not been met before."""
        value = self._numbered((name, *(part.number for part in parts)), any(part.data for part in parts))
        if value.data and value.number not in self._known:
            self._known[value.number] = True
            self._counter.add(operations(), domain)
        return value

    def _numbered(self, key: object, data: bool) -> _Value:
        return _Value(self._numbers.setdefault(key, len(self._numbers)), data)

    def _load(self, load: Any, domain: Domain) -> _Value:
        indices = [self.visit(index, domain) for index in load.indices]
        picked = any(index.data for index in indices)
        lanes = lanes_of(load)
        size = 0 if load.source.scope() == _REGISTERS else _bits(load) * lanes // 8
        met = Operations(lookups=lanes if picked else 0, loaded=size)
        memory = _Value(hash(load.source), True)
        return self._operation("load", [memory, *indices], lambda: met, domain)

    def _call(self, call: Any, domain: Domain) -> _Value:
        name = str(call.op.name)
        if name == "prim.if_then_else":
            return self._branch(call, domain)
        if name == "tirx.popcount":
            return self._popcount(call, domain)
        if name in ("tirx.call_llvm_intrin", "tirx.call_llvm_pure_intrin"):
            return self._instruction(call, domain)
        meaning = BY_ELEMENT.get(name.removeprefix("tirx."))
        if meaning is None:
            raise ValueError(f"expected a call whose operations are known, got {name}")
        return self._meant(name, meaning, call, list(call.args), lanes_of(call), domain)

    def _meant(
        self, name: str, meaning: Meaning, call: Any, arguments: list[Any], times: int, domain: Domain
    ) -> _Value:
        computed = range(len(arguments)) if meaning.computed is None else meaning.computed
        parts = [self.visit(arguments[place], domain) for place in computed]
        return self._operation((name, str(call.ty)), parts, lambda: meaning.operations * times, domain)

    def _instruction(self, call: Any, domain: Domain) -> _Value:
        name = _instruction_name(call)
        meaning = of_instruction(name, list(call.args[1:]))
        if meaning.computed == ():
            # Its operands are registers and addresses, and it has an effect: it counts wherever it stands.
            self._counter.add(meaning.operations, domain)
            return self._numbered((name, len(self._numbers)), True)
        return self._meant(name, meaning, call, list(call.args[1:]), 1, domain)

    def _popcount(self, call: Any, domain: Domain) -> _Value:
        met = call.args[0]
        lanes = lanes_of(met)
        kind = type(met).__name__
        if kind in _MEETING:
            parts = [self.visit(operand, domain) for operand in (met.a, met.b)]
            done = Operations(bops=2 * _bits(met) * lanes)
            return self._operation(("popcount", kind, str(met.ty)), parts, lambda: done, domain)
        alone = Operations(integer_ops=lanes)
        return self._operation(("popcount", str(met.ty)), [self.visit(met, domain)], lambda: alone, domain)

    def _branch(self, call: Any, domain: Domain) -> _Value:
        """Each arm where its condition holds; both arms everywhere if the condition is on data."""
        condition, *arms = call.args
        decision = self.visit(condition, domain)
        domains = [domain, domain] if decision.data else [domain.where(condition), domain.where(tirx.Not(condition))]
        values = []
        outer = self._known
        for arm, where in zip(arms, domains, strict=True):
            self._known = outer.new_child()
            values.append(self.visit(arm, where))
        self._known = outer
        return self._numbered(("if", decision.number, *(value.number for value in values)), True)


def _elementary(expression: Expr) -> Operations:
    """One operator of the language itself, on all lanes."""
    kind, lanes = type(expression).__name__, lanes_of(expression)
    if kind in _ARITHMETIC:
        return Operations(flops=lanes) if "float" in str(expression.ty) else Operations(integer_ops=lanes)
    if kind in _BITWISE or kind == "BitwiseNot":
        return Operations(integer_ops=lanes)
    if kind in _COMPARISONS:
        return Operations(comparisons=lanes)
    if kind in _DIVISIONS:
        return Operations(integer_ops=lanes) if _power_of_two(expression.b) else Operations(divisions=lanes)
    return Operations()


def _power_of_two(divisor: Expr) -> bool:
    value = divisor.value if type(divisor).__name__ == "Broadcast" else divisor
    return type(value).__name__ == "IntImm" and int(value.value).bit_count() == 1


def _instruction_name(call: Any) -> str:
    return str(tvm.target.codegen.llvm_get_intrinsic_name(int(call.args[0].value))).removeprefix("llvm.")


def _constant(value: Any) -> int:
    if type(value).__name__ != "IntImm":
        raise ValueError(f"expected a loop of constant extent, got {value}")
    return int(value.value)


def _bits(value: Any) -> int:
    """Bits of one element of an expression."""
    return _width(str(value.ty))


def _width(dtype: str) -> int:
    found = re.match(r"[a-z]+(\d+)", dtype)
    return int(found[1]) if found else 8


def buffer_bytes(buffer: Any) -> int:
    """Bytes of a whole buffer."""
    return math.prod(_constant(extent) for extent in buffer.shape) * _width(str(buffer.dtype)) // 8
