"""What runs in the measuring process: build a point, compare it with the reference, time it.

The parent sends plain data and gets plain data back, so a candidate that crashes or hangs takes only this process
with it. Every trial is compared with the integer reference before it is timed.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tvm_bnn._tvm import build, tvm
from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import operator_from_signature
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import load
from tvm_bnn.threads import running_on
from tvm_bnn.tuning.inputs import sample_inputs


@dataclass(frozen=True)
class Request:
    """One point of one operator's space, and how to time it."""

    operator: str
    target: str
    threads: int
    lowering: str
    point: Mapping[str, Any]
    seed: int = 0
    repeat: int = 5
    min_repeat_ms: int = 10

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the other process."""
        return {**asdict(self), "point": dict(self.point)}


def measure(request: Mapping[str, Any]) -> dict[str, Any]:
    """``{"run_secs": [...]}`` or ``{"failure": kind, "message": line}``."""
    wanted = Request(**request)
    try:
        kernel = _build(wanted)
    except Exception as error:
        return _failed("build", error)
    try:
        tensors = _tensors(wanted.operator, wanted.target, wanted.lowering, wanted.seed)
        with running_on(tvm, wanted.threads):
            mismatch = _compare(kernel, wanted, tensors)
            if mismatch:
                return {"failure": "wrong", "message": mismatch}
            return {"run_secs": _time(kernel, wanted, tensors)}
    except Exception as error:
        return _failed("run", error)


def _failed(kind: str, error: Exception) -> dict[str, Any]:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return {"failure": kind, "message": lines[-1][:500]}


def _build(wanted: Request) -> Any:
    operator, target = operator_from_signature(wanted.operator), load(wanted.target)
    row = row_named(operator, target, wanted.lowering)
    if row is None:
        raise ValueError(f"no lowering '{wanted.lowering}' for {operator.label()}")
    setting = Setting(operator, target, wanted.threads)
    function = row.space.scheduled(row.lowering.function(operator, target), setting, Point.from_dict(wanted.point))
    return build(function, target.tvm_target(wanted.threads))


@functools.lru_cache(maxsize=1)
def _tensors(signature: str, target: str, lowering: str, seed: int) -> tuple[list[Any], list[Any], list[Any]]:
    """Packed inputs and empty outputs as tensors, and the expected arrays; kept while one operator is tuned."""
    operator, hardware = operator_from_signature(signature), load(target)
    row = row_named(operator, hardware, lowering)
    assert row is not None
    arrays = sample_inputs(operator, seed)
    inputs = [tvm.runtime.tensor(array) for array in row.lowering.pack_inputs(operator, hardware, arrays)]
    outputs = [tvm.runtime.empty(spec.shape, spec.dtype) for spec in operator.outputs()]
    return inputs, outputs, list(operator.reference(*arrays))


def _compare(kernel: Any, wanted: Request, tensors: tuple[list[Any], list[Any], list[Any]]) -> str:
    """Run once on poisoned outputs; what differs, or nothing."""
    inputs, outputs, expected = tensors
    for output, array in zip(outputs, expected, strict=True):
        output.copyfrom(np.full_like(array, 85))
    kernel["main"](*inputs, *outputs)
    names = [spec.name for spec in operator_from_signature(wanted.operator).outputs()]
    for name, output, array in zip(names, outputs, expected, strict=True):
        differs = output.numpy() != array
        if differs.any():
            place = tuple(int(i) for i in np.argwhere(differs)[0])
            return f"{name}{list(place)}: expected {array[place]}, got {output.numpy()[place]}"
    return ""


def _time(kernel: Any, wanted: Request, tensors: tuple[list[Any], list[Any], list[Any]]) -> list[float]:
    inputs, outputs, _ = tensors
    evaluator = kernel.mod.time_evaluator(
        "main", tvm.cpu(), number=1, repeat=wanted.repeat, min_repeat_ms=wanted.min_repeat_ms
    )
    return [float(seconds) for seconds in evaluator(*inputs, *outputs).results]
