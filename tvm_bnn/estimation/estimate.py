"""The time of one point on a core that is not at hand: built, linked, executed by an emulator, checked, priced.

Every basic block costs its executions times its cycles in a steady state (:mod:`tvm_bnn.estimation.pricing`), and
waiting for memory comes on top (:mod:`tvm_bnn.estimation.memory`). One thread; nothing is timed, so the same arguments
always give the same estimate.
"""

from __future__ import annotations

import functools
import math
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tvm_bnn._tvm import build
from tvm_bnn.deploy.link import link
from tvm_bnn.errors import UsageError
from tvm_bnn.estimation.core import Core, load_core
from tvm_bnn.estimation.machine import EmulationError, Execution, Machine, Stop
from tvm_bnn.estimation.memory import memory_seconds, together
from tvm_bnn.estimation.pricing import price_all
from tvm_bnn.estimation.scaling import row_axis, stops
from tvm_bnn.lowering.registry import Row
from tvm_bnn.ops import Operator, operator_from_signature
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target
from tvm_bnn.tuning.inputs import sample_inputs
from tvm_bnn.tuning.worker import POISON, difference

_THREADS = 1
_KEPT_PROBLEMS = 8
"""Arrangements of one operator ask for few different heads."""

_COPY_CALL = 20
"""Cycles of a call that copies or fills, before the first byte: an assumption."""


@dataclass(frozen=True)
class Estimate:
    """What a model says of one point.

    Attributes:
        seconds: of one execution on one core; infinite where the kernel is wrong.
        cycles: of computing alone, everything in the first-level cache.
        compute_seconds: the same as time.
        memory_seconds: of the traffic between caches and memory alone.
        instructions: executed.
        mismatch: what differs from the reference, or nothing.
        unknown: instructions that the core's table does not have, and which were priced by its default.
    """

    seconds: float
    cycles: float
    compute_seconds: float
    memory_seconds: float
    instructions: int
    mismatch: str = ""
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What one execution takes, and what differs from the reference, or nothing."""

    cycles: float
    instructions: float
    unknown: tuple[str, ...] = ()
    mismatch: str = ""


def estimate(operator: Operator, row: Row, point: Point, target: Target, seed: int) -> Estimate:
    """Estimate one point of an operator's space.

    Args:
        operator: of any size; a large map is extrapolated from its first rows.
        row: the lowering with its space.
        point: of the space.
        target: with the table of its core.
        seed: of the arrays.

    Raises:
        ToolchainError: packages or a linker are missing.
        UsageError: the target has no table of its core.
        EmulationError: the kernel does not run to its end.
    """
    machine = machine_for(_built(operator, row, point, target), target)
    found = _from_top(machine, operator, row, point, target, seed) or _from_end_to_end(
        machine, operator, row, target, seed
    )
    if found.mismatch:
        return Estimate(math.inf, math.inf, math.inf, math.inf, 0, found.mismatch)
    seconds = found.cycles / (target.peak("clock_ghz") * 1e9)
    waiting = memory_seconds(_scheduled(operator, row, point, target), target).seconds
    total = together(seconds, waiting)
    return Estimate(total, found.cycles, seconds, waiting, round(found.instructions), "", found.unknown)


def core_of(target: Target) -> Core:
    """The table of a target's core.

    Raises:
        UsageError: it has none.
    """
    if target.core is None:
        raise UsageError(f"target {target.name}: expected one with a table of its core, got one without")
    return load_core(target.core)


def execute(operator: Operator, row: Row, point: Point, target: Target, seed: int) -> tuple[Execution, str]:
    """Run a kernel once on poisoned outputs.

    Returns:
        What it executed, and what differs from the reference, or nothing.
    """
    return _run(machine_for(_built(operator, row, point, target), target), operator, row, target, seed)


def _run(machine: Machine, operator: Operator, row: Row, target: Target, seed: int) -> tuple[Execution, str]:
    problem = _problem(operator.signature, seed)
    packed = row.lowering.pack_inputs(operator, target, problem.arrays)
    outputs = [np.full_like(array, POISON) for array in problem.expected]
    execution = machine.run("main", [*packed, *outputs])
    return execution, difference(operator, problem.expected, outputs)


def _from_end_to_end(machine: Machine, operator: Operator, row: Row, target: Target, seed: int) -> Cost:
    execution, mismatch = _run(machine, operator, row, target, seed)
    return replace(cost(execution, core_of(target), target), mismatch=mismatch)


def _from_top(machine: Machine, operator: Operator, row: Row, point: Point, target: Target, seed: int) -> Cost | None:
    """The cost by the first rows; None where the kernel has to be run to its end, to be priced or to be judged."""
    places = stops(operator, point)
    if places is None:
        return None
    problem = _problem(places.head.signature, seed)
    packed = row.lowering.pack_inputs(operator, target, _enlarged(problem.arrays, operator))
    costs: list[Cost] = []
    for rows in (places.low, places.high):
        outputs = [np.full(spec.shape, POISON, spec.dtype) for spec in operator.outputs()]
        stop = Stop(len(packed) + places.output, rows * places.row_bytes)
        try:
            execution = machine.run("main", [*packed, *outputs], stop=stop)
        except EmulationError:
            return None
        kept = [_first(array, rows, operator) for array in outputs]
        if difference(operator, [_first(array, rows, operator) for array in problem.expected], kept):
            return None
        costs.append(cost(execution, core_of(target), target))
    low, high = costs
    cycles, instructions = (
        places.whole(getattr(low, name), getattr(high, name)) for name in ("cycles", "instructions")
    )
    return Cost(cycles, instructions, tuple(dict.fromkeys(low.unknown + high.unknown)))


def _enlarged(arrays: list[Array], operator: Operator) -> list[Array]:
    """The inputs of a head as the first rows of those of the operator; zeros behind them."""
    full = [np.zeros(spec.shape, spec.dtype) for spec in operator.inputs()]
    for array, into in zip(arrays, full, strict=True):
        into[tuple(slice(extent) for extent in array.shape)] = array
    return full


def _first(array: Array, rows: int, operator: Operator) -> Array:
    return array[(slice(None),) * row_axis(operator) + (slice(rows),)]


def machine_for(executable: Any, target: Target) -> Machine:
    """An emulated computer of a target's kind with compiled code in its memory."""
    with tempfile.TemporaryDirectory(prefix="tvm-bnn-") as folder:
        library = Path(folder) / "kernel.so"
        link(executable, library, target)
        return Machine(library, core_of(target).architecture, target.requires)


def cost(execution: Execution, core: Core, target: Target) -> Cost:
    """The price of what was executed."""
    copying = execution.copies * _COPY_CALL + execution.copied_bytes * 8 / target.peak("vector_bits")
    executions: Counter[bytes] = Counter()
    for block, times in execution.blocks.items():
        executions[block.code] += times
    priced = price_all(executions, core)
    return Cost(copying + priced.cycles, priced.instructions, priced.unknown)


def _built(operator: Operator, row: Row, point: Point, target: Target) -> Any:
    return build(_scheduled(operator, row, point, target), target.tvm_target(_THREADS))


def _scheduled(operator: Operator, row: Row, point: Point, target: Target) -> Any:
    setting = Setting(operator, target, _THREADS)
    return row.space.scheduled(row.lowering.function(operator, target), setting, point)


@dataclass(frozen=True)
class _Problem:
    """Canonical inputs and the outputs that are expected."""

    arrays: list[Array]
    expected: list[Array]


@functools.lru_cache(maxsize=_KEPT_PROBLEMS)
def _problem(signature: str, seed: int) -> _Problem:
    operator = operator_from_signature(signature)
    arrays = sample_inputs(operator, seed)
    return _Problem(arrays, list(operator.reference(*arrays)))
