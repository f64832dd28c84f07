"""Candidates that do what none should: kernels are built and measured as always, and then misbehave."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.torture.counts import chance
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning import worker
from tvm_bnn.tuning.process import _resident_bytes
from tvm_bnn.tuning.runner import LocalRunner, Result, answer
from tvm_bnn.tuning.worker import Request

_LEAK = 48 << 20
_leaked: list[np.ndarray] = []
_asked: list[tuple[str, int]] = []
"""Operator and seed of the request that is being worked on."""


def crash(tensors: tuple[Any, ...]) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def abort(tensors: tuple[Any, ...]) -> None:
    os.abort()


def leave(tensors: tuple[Any, ...]) -> None:
    os._exit(0)


def hang(tensors: tuple[Any, ...]) -> None:
    """As compiled code may: no other thread of the interpreter gets a turn."""
    ctypes.PyDLL(None).sleep(3600)


def leak(tensors: tuple[Any, ...]) -> None:
    _leaked.append(np.ones(_LEAK, np.uint8))


def refuse(tensors: tuple[Any, ...]) -> None:
    raise RuntimeError("planted")


def wrong(tensors: tuple[Any, ...]) -> None:
    """One bit, somewhere in the last output."""
    _flip(_address(tensors[-1]), _size(tensors[-1]))


def inputs(tensors: tuple[Any, ...]) -> None:
    _flip(_address(tensors[0]), _size(tensors[0]))


def expected(tensors: tuple[Any, ...]) -> None:
    """It is wrong, and so is what it will be compared with."""
    wrong(tensors)
    worker.problem_of(*_asked[-1], "cpu").expected[-1][...] = tensors[-1].numpy()


def beyond(tensors: tuple[Any, ...]) -> None:
    """It writes past the end of its output, over whatever the heap has there."""
    end = _address(tensors[-1]) + _size(tensors[-1])
    ctypes.memset(end, 0xA5, 256)


Fault = Callable[[tuple[Any, ...]], None]

FAULTS: dict[str, tuple[Fault, frozenset[str]]] = {
    "crash": (crash, frozenset({"crash"})),
    "abort": (abort, frozenset({"crash"})),
    "leave": (leave, frozenset({"crash"})),
    "hang": (hang, frozenset({"timeout"})),
    "leak": (leak, frozenset({"measured"})),
    "refuse": (refuse, frozenset({"run"})),
    "wrong": (wrong, frozenset({"wrong"})),
    "later": (wrong, frozenset({"wrong"})),
    "inputs": (inputs, frozenset({"memory", "wrong"})),
    "expected": (expected, frozenset({"memory"})),
    "beyond": (beyond, frozenset({"measured", "crash", "memory", "wrong", "run"})),
}
"""What each does after the kernel has run, and how it may be counted."""


def _view(tensor: Any) -> np.ndarray:
    array: np.ndarray = np.from_dlpack(tensor)
    return array


def _address(tensor: Any) -> int:
    return int(_view(tensor).ctypes.data)


def _size(tensor: Any) -> int:
    return int(_view(tensor).nbytes)


def _flip(address: int, size: int) -> None:
    ctypes.memset(address + size // 2, ctypes.c_uint8.from_address(address + size // 2).value ^ 1, 1)


class Planted:
    """A kernel that misbehaves after it has run; ``later`` only once it is timed."""

    def __init__(self, kernel: Any, fault: str) -> None:
        self.kernel, self.fault = kernel, fault
        self.mod = self

    def __getitem__(self, name: str) -> Callable[..., None]:
        real = self.kernel[name]

        def main(*tensors: Any) -> None:
            real(*tensors)
            if self.fault != "later":
                FAULTS[self.fault][0](tensors)

        return main

    def time_evaluator(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        real = self.kernel.mod.time_evaluator(*arguments, **options)

        def timed(*tensors: Any) -> Any:
            found = real(*tensors)
            if self.fault == "later":
                FAULTS[self.fault][0](tensors)
            return found

        return timed


def measure(fault: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """In the measuring process: as always, with a kernel that misbehaves."""
    honest = worker.build_point

    def build(*wanted: Any) -> Planted:
        return Planted(honest(*wanted), fault)

    _asked[:] = [(request["operator"], request["seed"])]
    worker.build_point = build  # type: ignore[assignment]
    try:
        return worker.measure(request)
    finally:
        worker.build_point = honest


def fault_of(request: Request, share: float) -> str:
    """Of some points, always the same; empty for the others."""
    rng = chance(request.operator[-60:] + request.lowering + Point.from_dict(request.point).key)
    names = sorted(FAULTS)
    return names[int(rng.integers(len(names)))] if rng.random() < share else ""


class PlantedRunner(LocalRunner):
    """Measures here, and has a share of the candidates misbehave; ``told`` is every request, its fault and result."""

    def __init__(self, timeout: float, log: Path, share: float = 0.2) -> None:
        super().__init__(timeout, log)
        self.share = share
        self.told: list[tuple[Request, str, Result]] = []
        self.largest = 0

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Result]]:
        """One after the other."""
        for request in requests:
            fault = fault_of(request, self.share)
            function = functools.partial(measure, fault) if fault else worker.measure
            result = answer(self._process, function, request, self.timeout)
            running = self._process._running
            self.largest = max(self.largest, _resident_bytes(running.pid) if running else 0)
            self.told.append((request, fault, result))
            yield request, result
