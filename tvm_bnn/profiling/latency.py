"""The clock: time per operator and from end to end, on this host.

The virtual machine calls an instrument before and after every call. Reading the clock is the last thing the first of
these does and the first thing the second does, so that the instrument's own time does not count; what remains is the
handing over of the arguments, less than a microsecond an operator. The time from end to end is taken without an
instrument, in turn with the instrumented passes, so that both see the same machine.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.deploy.vm import machine, on_threads, tensor
from tvm_bnn.graph.choose import Placed
from tvm_bnn.graph.phases import Compiled

Milliseconds = NDArray[np.float64]
_NANOSECONDS = 1e-6
"""Milliseconds in a nanosecond."""


@dataclass(frozen=True)
class Latencies:
    """Times in milliseconds.

    Attributes:
        steps: [repeats, steps], in the order of ``Compiled.steps``.
        total: [repeats], from picture to result.
    """

    steps: Milliseconds
    total: Milliseconds

    @property
    def step_medians(self) -> list[float]:
        """Median of each step."""
        return [float(value) for value in np.median(self.steps, axis=0)]


def measure(compiled: Compiled, *, warmup: int, repeat: int, seed: int = 0) -> Latencies:
    """Time a compiled network on a random picture.

    Args:
        compiled: for this host.
        warmup: passes that do not count, at least 0.
        repeat: passes that count, at least 1.
        seed: of the picture.
    """
    picture = tensor(np.random.default_rng(seed).integers(0, 256, compiled.input_shape, np.uint8))
    plain, observed = (machine(compiled.executable, tiles=compiled.tiles) for _ in range(2))
    main = plain["main"]
    stopwatch = Stopwatch(kernels_of(compiled), compiled.ordinary)
    observed.set_instrument(stopwatch.instrument)
    with on_threads(compiled.threads):
        passes = [(_pass(main, picture), stopwatch.split(observed["main"], picture)) for _ in range(warmup + repeat)]
    kept = passes[warmup:]
    return Latencies(np.array([split for _, split in kept]), np.array([total for total, _ in kept]))


def kernels_of(compiled: Compiled) -> list[str | None]:
    """The function of every step in the order of execution; None for one of ordinary operators."""
    return [step.function if isinstance(step, Placed) else None for step in compiled.steps]


def _pass(main: Any, picture: Any) -> float:
    began = time.perf_counter_ns()
    main(picture)
    return (time.perf_counter_ns() - began) * _NANOSECONDS


def places(kernels: Sequence[str | None], ordinary: Collection[str], calls: Sequence[str]) -> list[int]:
    """Of every call the step that it belongs to.

    The same function may serve several kernels, so a kernel is known by its place in the order of calls. Ordinary
    functions belong to the ordinary step that comes next, or to the last one where none does.

    Args:
        kernels: as :func:`kernels_of` gives them.
        ordinary: functions of ordinary operators.
        calls: names of functions, in the order in which they were called.
    """
    wanted = [name for name in kernels if name is not None]
    called = [name for name in calls if name not in ordinary]
    assert called == wanted, f"expected calls of {wanted}, got {called}"
    own = [place for place, name in enumerate(kernels) if name is not None]
    others = [place for place, name in enumerate(kernels) if name is None]
    found, done = list[int](), 0
    for name in calls:
        reached = own[done - 1] if done else -1
        found.append(next((p for p in others if p > reached), others[-1]) if name in ordinary else own[done])
        done += name not in ordinary
    return found


class Stopwatch:
    """Times the steps of one pass.

    Args:
        kernels: the function of every kernel in the order of execution; None for a step of ordinary operators.
        ordinary: functions of ordinary operators.
    """

    def __init__(self, kernels: Sequence[str | None], ordinary: Collection[str] = ()) -> None:
        self.kernels = list(kernels)
        self._ordinary = frozenset(ordinary)
        self._names = self._ordinary | {name for name in kernels if name is not None}
        self._calls: list[tuple[str, int]] = []
        self._began = 0

    def instrument(self, _function: Any, name: str, before: bool, _result: Any, *_arguments: Any) -> None:
        """What the virtual machine calls before and after every call."""
        ended = time.perf_counter_ns()
        if not before and name in self._names:
            self._calls.append((name, ended - self._began))
        self._began = time.perf_counter_ns()

    def split(self, main: Any, picture: Any) -> list[float]:
        """Milliseconds of each step in one pass."""
        self._calls.clear()
        main(picture)
        times = [0.0] * len(self.kernels)
        steps = places(self.kernels, self._ordinary, [name for name, _ in self._calls])
        for place, (_, nanoseconds) in zip(steps, self._calls, strict=True):
            times[place] += nanoseconds * _NANOSECONDS
        return times
