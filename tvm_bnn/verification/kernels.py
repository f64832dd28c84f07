"""The clock on single operators: compiled, and run one after the other as they are in the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tvm_bnn._tvm import build, tvm
from tvm_bnn.amx import require_permission
from tvm_bnn.deploy.vm import on_threads
from tvm_bnn.ops import Operator
from tvm_bnn.profiling.latency import Milliseconds
from tvm_bnn.targets import Target
from tvm_bnn.tuning.inputs import sample_inputs
from tvm_bnn.tuning.plan import Choice

_NANOSECONDS = 1e-6
"""Milliseconds in a nanosecond."""


def operator_times(
    operators: Sequence[tuple[Operator, Choice]], target: Target, threads: int, *, warmup: int, repeat: int, seed: int
) -> Milliseconds:
    """Time operators on random arrays. A pass runs all of them, so each finds the caches as its neighbours leave them.

    Args:
        operators: with the lowering and the arrangement of each.
        target: this host.
        threads: cores.
        warmup: passes that do not count.
        repeat: passes that count, at least 1.
        seed: of the arrays.

    Returns:
        [repeat, operators].
    """
    if any(choice.row.lowering.tiles for _, choice in operators):
        require_permission()
    calls = [_call(operator, choice, target, threads, seed) for operator, choice in operators]
    with on_threads(threads):
        passes = [[_timed(call) for call in calls] for _ in range(warmup + repeat)]
    return np.array(passes[warmup:])


def _call(operator: Operator, choice: Choice, target: Target, threads: int, seed: int) -> Callable[[], Any]:
    """The compiled operator with its arguments."""
    kernel = build(choice.scheduled(operator, target, threads), target.tvm_target(threads))["main"]
    packed = choice.row.lowering.pack_inputs(operator, target, sample_inputs(operator, seed))
    arrays = [*packed, *(np.empty(spec.shape, spec.dtype) for spec in operator.outputs())]
    arguments = [tvm.runtime.tensor(array) for array in arrays]
    return lambda: kernel(*arguments)


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - began) * _NANOSECONDS
