"""Kernels in cycles by the clock on the wall, on a machine whose frequency wanders.

Right before and after every measurement a loop of known length tells the frequency: seconds times that are cycles.
"""

from __future__ import annotations

import ctypes
import mmap
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tvm_bnn._tvm import tvm
from tvm_bnn.threads import running_on

_ROUNDS = 7
_CALLS = 10
"""In one look, each timed: what an interruption hits is left out."""

_LOOP = bytes.fromhex("4889f9 48ffc9 75fb c3")
"""mov rcx, rdi; again: dec rcx; jnz again; ret: every round needs the last one's rcx, and takes one cycle."""

_LOOPS = 2_000_000


class Clock:
    """The frequency of the core at this moment; x86-64 only."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._memory.write(_LOOP)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._spin = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(address)

    def hertz(self) -> float:
        """Of the better of two looks: an interruption only ever makes it seem lower."""
        return max(self._look() for _ in range(2))

    def _look(self) -> float:
        began = time.perf_counter()
        self._spin(_LOOPS)
        return _LOOPS / (time.perf_counter() - began)


@dataclass(frozen=True)
class Kernel:
    """A compiled kernel with its arguments."""

    module: Any
    arguments: Sequence[Any]


@dataclass(frozen=True)
class Timing:
    """Medians over the rounds.

    Attributes:
        cycles: of one call.
        spread: the largest over the smallest.
        hertz: the frequency meanwhile.
    """

    cycles: float
    spread: float
    hertz: float


def time_in_turn(kernels: Sequence[Kernel], clock: Clock) -> list[Timing]:
    """Every kernel once a round, one after the other, on one thread."""
    found: list[list[tuple[float, float]]] = [[] for _ in kernels]
    with running_on(tvm, 1):
        for _ in range(_ROUNDS):
            for kernel, looks in zip(kernels, found, strict=True):
                looks.append(_look(kernel, clock))
    return [_timing(looks) for looks in found]


def _look(kernel: Kernel, clock: Clock) -> tuple[float, float]:
    """Cycles of the fastest of some calls, and the frequency."""
    evaluator = kernel.module.mod.time_evaluator("main", tvm.cpu(), number=1, repeat=_CALLS)
    before = clock.hertz()
    seconds = min(evaluator(*kernel.arguments).results)
    hertz = (before + clock.hertz()) / 2
    return seconds * hertz, hertz


def _timing(looks: Sequence[tuple[float, float]]) -> Timing:
    cycles = [look[0] for look in looks]
    return Timing(statistics.median(cycles), max(cycles) / min(cycles), statistics.median(look[1] for look in looks))
