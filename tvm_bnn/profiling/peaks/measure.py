"""The clock: every kernel of a target in turn, round after round, so that all of them see the same machine.

Whatever else goes on makes a kernel slower, never faster. What is kept as the peak is therefore not the median but a
robust maximum: the median of the best tenth of the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import build, tvm
from tvm_bnn.profiling.peaks.probe import GIGA, Probe
from tvm_bnn.profiling.peaks.reading import cache_probe, memory_probe
from tvm_bnn.profiling.peaks.registers import eight_bit_probe, float_probe, popcount_probe
from tvm_bnn.profiling.peaks.tiles import FLAG, tile_probe
from tvm_bnn.targets import Target

ROUNDS = 8
SECONDS = 0.1
"""Time of one kernel in one round."""
WARMUP = 5
"""Calls of a round that do not count: the clock rate follows the load with a delay."""
LEAST, MOST = 5, 100
"""Calls of one kernel in one round that count."""

Told = Callable[[str], None]


@dataclass(frozen=True)
class Peak:
    """What a kernel reached.

    Attributes:
        name: of the fact.
        value: the peak: median of the best tenth of the calls, in ``unit``.
        unit: ``Gop/s`` or ``GB/s``.
        source: what was done.
        p5: 5th percentile over all calls.
        median: over all calls.
        p95: 95th percentile over all calls.
    """

    name: str
    value: float
    unit: str
    source: str
    p5: float
    median: float
    p95: float


def probes(target: Target) -> Iterator[Probe]:
    """The kernels of a target, one a fact."""
    yield popcount_probe(target)
    yield eight_bit_probe(target)
    if FLAG in target.requires:
        yield tile_probe(target)
    yield float_probe(target)
    yield cache_probe(target)
    yield memory_probe(target)


def measure(target: Target, chosen: Sequence[Probe], told: Told, rounds: int = ROUNDS) -> list[Peak]:
    """Peaks of one core of this host, in the order of the probes.

    Args:
        target: that this host satisfies.
        chosen: kernels of it; those with tiles only with the permission to use them.
        told: gets a line now and then.
        rounds: at least 1.
    """
    kernels = [_Kernel(probe, target) for probe in chosen]
    rates: list[list[NDArray[np.float64]]] = [[] for _ in kernels]
    for number in range(1, rounds + 1):
        for kernel, kept in zip(kernels, rates, strict=True):
            kept.append(kernel.rates())
        told(f"round {number} of {rounds}")
    return [summarise(probe, np.concatenate(kept)) for probe, kept in zip(chosen, rates, strict=True)]


def summarise(probe: Probe, rates: NDArray[np.float64]) -> Peak:
    """The peak and its spread.

    Args:
        probe: that was run.
        rates: in the probe's unit, one a call; at least one.
    """
    best = np.sort(rates)[-max(1, len(rates) // 10) :]
    low, middle, high = (float(value) for value in np.percentile(rates, [5, 50, 95]))
    source = f"{probe.how}, median of the best tenth of {len(rates)} calls"
    return Peak(probe.fact, float(np.median(best)), probe.unit, source, low, middle, high)


class _Kernel:
    """A compiled probe with its arguments."""

    def __init__(self, probe: Probe, target: Target) -> None:
        one_core = 1
        self._work = probe.work
        self._module = build(probe.function, target.tvm_target(one_core)).mod
        self._arguments = [tvm.runtime.tensor(array) for array in probe.arrays()]
        once = float(np.median(self._seconds(LEAST)))
        self._calls = int(np.clip(SECONDS / once, LEAST, MOST))

    def rates(self) -> NDArray[np.float64]:
        """1e9 of work a second, of every call of one round that counts."""
        return self._work / self._seconds(WARMUP + self._calls)[WARMUP:] / GIGA

    def _seconds(self, calls: int) -> NDArray[np.float64]:
        evaluator: Any = self._module.time_evaluator("main", tvm.cpu(), number=1, repeat=calls)
        return np.array(evaluator(*self._arguments).results)
