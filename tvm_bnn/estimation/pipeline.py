"""The pipeline that blocks are run through: dispatch, issue, latencies, retirement.

Instructions are dispatched in program order, as many slots in a cycle as the core is wide, while the window has room.
An out-of-order core issues each micro-operation as soon as its operands are there and a port is free, older
instructions first; an in-order core issues all of an instruction at once and nothing before what stands ahead of it.
The result is there after the latency of the class. Registers are renamed, so only reading after writing waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from tvm_bnn.estimation.core import LONGEST, Core, InstructionClass
from tvm_bnn.estimation.decode import Instruction

_WRITE_BACK = 1
"""Cycles until an address that an instruction moves on is there."""

_NONE = -1


class Step(NamedTuple):
    """One instruction, its registers as numbers; ``kind`` numbers its class."""

    micro_ops: tuple[tuple[tuple[int, ...], int], ...]
    slots: int
    latency: int
    load: int
    reads: tuple[int, ...]
    address: tuple[int, ...]
    writes: tuple[int, ...]
    accumulator: int
    accumulate: int
    kind: int
    written_back: int


def steps(block: Sequence[Instruction], classes: Sequence[InstructionClass]) -> list[Step]:
    """The steps of a block whose instructions have these classes."""
    registers: dict[str, int] = {}
    kinds: dict[int, int] = {}

    def number(name: str) -> int:
        return registers.setdefault(name, len(registers))

    return [
        Step(
            tuple((micro_op.ports, micro_op.cycles) for micro_op in found.micro_ops),
            found.slots,
            found.latency,
            found.load,
            tuple(map(number, one.reads)),
            tuple(map(number, one.address)),
            tuple(map(number, one.writes)),
            number(one.accumulator) if one.accumulator else _NONE,
            found.accumulate,
            kinds.setdefault(id(found), len(kinds)),
            number(one.written_back) if one.written_back else _NONE,
        )
        for one, found in zip(block, classes, strict=True)
    ]


def retirements(block: Sequence[Step], core: Core, times: int, carried: bool = True) -> list[int]:
    """The cycles at which each of ``times`` executions of a block is done, one after the other.

    Args:
        block: its steps.
        core: what executes it.
        times: how often.
        carried: whether what one execution leaves in registers is what the next one reads.
    """
    issue = _issue_together if core.in_order else _issue_apart
    ports, values, front = _Ports(len(core.ports)), _Values(), _Front(core)
    ends = []
    for _ in range(times):
        values = values if carried else _Values()
        for step in block:
            dispatched = front.dispatch(step.slots)
            issued = issue(step, dispatched, ports, values)
            if core.in_order:
                front.hold(issued, step.slots)
            front.retire(values.written(step, issued), step.slots)
        ends.append(front.retired)
    return ends


class _Front:
    """Dispatch and retirement."""

    def __init__(self, core: Core) -> None:
        self.retired = 0
        self._width = core.width
        self._room = core.window
        self._cycle = 0
        self._used = 0
        self._under_way: deque[tuple[int, int]] = deque()

    def dispatch(self, slots: int) -> int:
        """The cycle in which an instruction enters; one that does not fit into this cycle waits for the next."""
        self._room -= slots
        while self._room < 0 and self._under_way:
            done, freed = self._under_way.popleft()
            self._room += freed
            if done > self._cycle:
                self._cycle, self._used = done, 0
        if self._used and self._used + slots > self._width:
            self._cycle, self._used = self._cycle + 1, 0
        entered = self._cycle
        self._used += slots
        while self._used > self._width:
            self._cycle, self._used = self._cycle + 1, self._used - self._width
        return entered

    def hold(self, issued: int, slots: int) -> None:
        """Nothing behind enters before what is issued."""
        if issued > self._cycle:
            self._cycle, self._used = issued, slots

    def retire(self, done: int, slots: int) -> None:
        """Leave in program order."""
        self.retired = max(self.retired, done)
        self._under_way.append((self.retired, slots))


class _Values:
    """When the value of each register is there."""

    def __init__(self) -> None:
        self._ready: dict[int, int] = {}
        self._sums: dict[int, tuple[int, int]] = {}

    def operands(self, step: Step, cycle: int) -> int:
        """The cycle from which on all registers that a step reads are there, addresses apart."""
        ready = self._ready
        for register in step.reads:
            there = ready.get(register, 0)
            if there > cycle:
                cycle = there
        if step.accumulator != _NONE:
            kind, there = self._sums.get(step.accumulator, (_NONE, 0))
            cycle = max(cycle, there if kind == step.kind else ready.get(step.accumulator, 0))
        return cycle

    def address(self, step: Step, cycle: int) -> int:
        """The same for the registers of its address."""
        for register in step.address:
            there = self._ready.get(register, 0)
            if there > cycle:
                cycle = there
        return cycle

    def written(self, step: Step, issued: int) -> int:
        """Note what a step writes; the cycle at which it is done."""
        done = issued + step.latency
        for register in step.writes:
            self._ready[register] = done
            if self._sums:
                self._sums.pop(register, None)
        if step.accumulator != _NONE:
            self._sums[step.accumulator] = (step.kind, issued + step.accumulate)
        if step.written_back != _NONE:
            self._ready[step.written_back] = issued - step.load + _WRITE_BACK
        return done


def _issue_apart(step: Step, dispatched: int, ports: _Ports, values: _Values) -> int:
    """Each micro-operation on its own; the cycle of the last."""
    cycle = values.address(step, dispatched)
    micro_ops = step.micro_ops
    if step.load:
        cycle = ports.take(*micro_ops[0], cycle) + step.load
        micro_ops = micro_ops[1:]
    last = cycle = values.operands(step, cycle)
    for choice, busy in micro_ops:
        issued = ports.take(choice, busy, cycle)
        if issued > last:
            last = issued
    return last


def _issue_together(step: Step, dispatched: int, ports: _Ports, values: _Values) -> int:
    """All micro-operations in one cycle."""
    cycle = values.operands(step, values.address(step, dispatched))
    while True:
        at = [ports.find(choice, busy, cycle) for choice, busy in step.micro_ops]
        latest = max((start for _, start in at), default=cycle)
        chosen = [port for port, _ in at]
        if latest == cycle and len(set(chosen)) == len(chosen):
            for port, (_, busy) in zip(chosen, step.micro_ops, strict=True):
                ports.occupy(port, busy, cycle)
            return cycle
        cycle = max(latest, cycle + 1)


class _Ports:
    """Which cycles are taken on each port, each as the way to the next free one."""

    def __init__(self, number: int) -> None:
        self._following: list[list[int]] = [[] for _ in range(number)]
        self._taken = [0] * number

    def take(self, choice: tuple[int, ...], busy: int, cycle: int) -> int:
        """Take one of the ports for ``busy`` cycles; from which cycle on."""
        port, start = self.find(choice, busy, cycle)
        self.occupy(port, busy, start)
        return start

    def find(self, choice: tuple[int, ...], busy: int, cycle: int) -> tuple[int, int]:
        """The port that is free first, of several the least used, and when it is."""
        best = choice[0]
        start = self._run(best, busy, cycle) if busy > 1 else self._free(best, cycle)
        for port in choice[1:]:
            free = self._run(port, busy, cycle) if busy > 1 else self._free(port, cycle)
            if free < start or (free == start and self._taken[port] < self._taken[best]):
                best, start = port, free
        return best, start

    def occupy(self, port: int, busy: int, start: int) -> None:
        """Take a port for ``busy`` cycles that are free."""
        following = self._following[port]
        for cycle in range(start, start + busy):
            following[cycle] = cycle + 1
        self._taken[port] += busy

    def _run(self, port: int, busy: int, cycle: int) -> int:
        """The first of ``busy`` free cycles in a row."""
        start = self._free(port, cycle)
        reached = start
        while reached < start + busy - 1:
            reached += 1
            free = self._free(port, reached)
            if free != reached:
                start = reached = free
        return start

    def _free(self, port: int, cycle: int) -> int:
        """The first free cycle, with room behind it for the longest micro-operation."""
        following = self._following[port]
        if cycle >= len(following) - LONGEST:
            following.extend(range(len(following), 2 * cycle + 4 * LONGEST))
        free = following[cycle]
        if free == cycle:
            return cycle
        while free != following[free]:
            following[cycle] = following[free]
            cycle, free = free, following[free]
        return free if free < len(following) - LONGEST else self._free(port, free)
