"""What runs in the measuring process: build a point, compare it with the reference, time it.

The parent sends plain data and gets plain data back, so a candidate that crashes or hangs takes only this process
with it. Every trial is compared with the integer reference before it is timed.
"""

from __future__ import annotations

import functools
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tvm_bnn._tvm import build, tvm
from tvm_bnn.amx import require_permission
from tvm_bnn.deploy.vm import device_of
from tvm_bnn.lowering.registry import Row, row_named
from tvm_bnn.ops import Operator, operator_from_signature
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import load
from tvm_bnn.threads import running_on
from tvm_bnn.tuning.inputs import Array, sample_inputs

_KEPT_KERNELS = 16
"""Finalists are measured in turn: none is to be built again each time."""

POISON = 85
"""What outputs hold before a kernel is checked."""


@dataclass(frozen=True)
class Request:
    """One point of one operator's space, and how to time it.

    Slower than ``limit_secs`` in its first two repeats, it is not timed any further.
    """

    operator: str
    target: str
    threads: int
    lowering: str
    point: Mapping[str, Any]
    seed: int = 0
    repeat: int = 5
    min_repeat_ms: int = 10
    limit_secs: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the other process."""
        return {**asdict(self), "point": dict(self.point)}


def measure(request: Mapping[str, Any]) -> dict[str, Any]:
    """``{"run_secs": [...]}`` or ``{"failure": kind, "message": line}``."""
    wanted = Request(**request)
    try:
        device = device_of(load(wanted.target))
        point = Point.from_dict(wanted.point).key
        kernel = build_point(wanted.operator, wanted.target, wanted.threads, wanted.lowering, point)
    except Exception as error:
        return failed("build", error)
    try:
        if row_of(wanted.operator, wanted.target, wanted.lowering).lowering.tiles:
            require_permission()
        problem = problem_of(wanted.operator, wanted.seed, device.type)
        inputs = _inputs(wanted.operator, wanted.target, wanted.lowering, wanted.seed)
        before = _fingerprint(inputs, problem)
        with running_on(tvm, wanted.threads):
            tensors = [*inputs, *problem.outputs]
            result = checked(
                kernel, tensors, problem.outputs, problem, lambda: time_point(kernel.mod, device, wanted, tensors)
            )
        if _fingerprint(inputs, problem) != before:
            return {"failure": "memory", "message": "it changed its inputs, or what it was compared with"}
        return result
    except Exception as error:
        return failed("run", error)


def checked(
    kernel: Any, tensors: Sequence[Any], outputs: Sequence[Any], problem: Problem, timed: Callable[[], list[float]]
) -> dict[str, Any]:
    """Compare, time, and look at the outputs once more: what is right the first time need not stay so.

    Args:
        kernel: gives the function ``main``.
        tensors: inputs and outputs, here or on a board.
        outputs: those among them that it writes.
        problem: what is expected.
        timed: runs it on these tensors and gives its times in seconds.
    """
    mismatch = compare(kernel, tensors, outputs, problem)
    if mismatch:
        return {"failure": "wrong", "message": mismatch}
    seconds = timed()
    mismatch = difference(problem.operator, problem.expected, [output.numpy() for output in outputs])
    return {"failure": "wrong", "message": mismatch} if mismatch else {"run_secs": seconds}


def _fingerprint(inputs: Sequence[Any], problem: Problem) -> int:
    """Of all that a kernel must not change."""
    total = 0
    for array in (*(tensor.numpy() for tensor in inputs), *problem.arrays, *problem.expected):
        total = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, total)
    return total


def failed(kind: str, error: Exception) -> dict[str, Any]:
    """A failure as plain data, by the last line of its message."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return {"failure": kind, "message": lines[-1][:500]}


def row_of(signature: str, target: str, lowering: str) -> Row:
    """The row of a lowering.

    Raises:
        ValueError: the target has no such lowering for the operator.
    """
    operator = operator_from_signature(signature)
    row = row_named(operator, load(target), lowering)
    if row is None:
        raise ValueError(f"no lowering '{lowering}' for {operator.label()}")
    return row


@functools.lru_cache(maxsize=_KEPT_KERNELS)
def build_point(signature: str, target: str, threads: int, lowering: str, point: str) -> Any:
    """The compiled kernel of a point, given by its key."""
    operator, hardware = operator_from_signature(signature), load(target)
    row, setting = row_of(signature, target, lowering), Setting(operator, hardware, threads)
    function = row.lowering.function(operator, hardware)
    return build(
        row.space.scheduled(function, setting, Point.from_dict(json.loads(point))), hardware.tvm_target(threads)
    )


@dataclass(frozen=True)
class Problem:
    """An operator with canonical inputs, tensors for its outputs, and the outputs that are expected."""

    operator: Operator
    arrays: list[Array]
    outputs: list[Any]
    expected: list[Array]


@functools.lru_cache(maxsize=1)
def problem_of(signature: str, seed: int, device: str = "cpu") -> Problem:
    """Kept while one operator is tuned, for all its lowerings; its outputs lie on the device."""
    operator = operator_from_signature(signature)
    arrays = sample_inputs(operator, seed)
    outputs = [tvm.runtime.empty(spec.shape, spec.dtype, tvm.device(device)) for spec in operator.outputs()]
    return Problem(operator, arrays, outputs, list(operator.reference(*arrays)))


@functools.lru_cache(maxsize=4)
def _inputs(signature: str, target: str, lowering: str, seed: int) -> list[Any]:
    """Tensors with the inputs, parameters packed for a lowering; as many are kept as lowerings may compete."""
    device = device_of(load(target))
    problem, packing = problem_of(signature, seed, device.type), row_of(signature, target, lowering).lowering
    packed = packing.pack_inputs(problem.operator, load(target), problem.arrays)
    return [tvm.runtime.tensor(array, device) for array in packed]


def compare(kernel: Any, tensors: Sequence[Any], outputs: Sequence[Any], problem: Problem) -> str:
    """Run once on poisoned outputs, which are among the tensors; what differs, or nothing."""
    for output, array in zip(outputs, problem.expected, strict=True):
        output.copyfrom(np.full_like(array, POISON))
    kernel["main"](*tensors)
    return difference(problem.operator, problem.expected, [output.numpy() for output in outputs])


def difference(operator: Operator, expected: Sequence[Array], found: Sequence[Array]) -> str:
    """The first value that differs, or nothing."""
    for spec, wanted, got in zip(operator.outputs(), expected, found, strict=True):
        differs = wanted != got
        if differs.any():
            place = tuple(int(i) for i in np.argwhere(differs)[0])
            return f"{spec.name}{list(place)}: expected {wanted[place]}, got {got[place]}"
    return ""


def time_point(module: Any, device: Any, wanted: Request, tensors: Sequence[Any]) -> list[float]:
    """Mean times of one run in seconds, one for each repeat: by the clock of a CPU, by events of a GPU around all runs.

    A single slow repeat may be the machine's fault, hence the second look before a candidate is given up.

    Args:
        module: with the kernel as ``main``, here or on a board.
        device: that it runs on.
        wanted: how to time it.
        tensors: inputs and outputs on the device.

    Raises:
        ValueError: a clock gave what is no time.
    """

    def repeats(number: int) -> list[float]:
        evaluator = module.time_evaluator("main", device, number=1, repeat=number, min_repeat_ms=wanted.min_repeat_ms)
        return [_time(seconds) for seconds in evaluator(*tensors).results]

    seconds: list[float] = []
    if wanted.limit_secs is not None:
        seconds = repeats(1)
        if seconds[0] > wanted.limit_secs:
            seconds += repeats(1)
        if min(seconds) > wanted.limit_secs:
            return seconds
    return seconds + repeats(wanted.repeat - len(seconds))


def _time(seconds: Any) -> float:
    found = float(seconds)
    if not 0 < found < math.inf:
        raise ValueError(f"expected a time, got {found:g} s")
    return found
