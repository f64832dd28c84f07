"""The static runner: points are built, executed by an emulator, compared with the reference, and priced by a model.

No hardware of the target is needed, and none is timed: what it tells is ``estimated``, for one thread. The same
request always gives the same estimate, and results come in the order of the requests, so that a run with a seed
repeats.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import operator_from_signature
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import load, logical_cores
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.process import Process
from tvm_bnn.tuning.runner import Result, answer
from tvm_bnn.tuning.worker import Request, failed


def price(request: Mapping[str, Any]) -> Result:
    """``{"run_secs": [one estimate]}`` or ``{"failure": kind, "message": line}``, in the process that emulates."""
    from tvm_bnn.estimation.estimate import estimate

    wanted = Request(**request)
    operator, target = operator_from_signature(wanted.operator), load(wanted.target)
    row = row_named(operator, target, wanted.lowering)
    if row is None:
        return {"failure": "build", "message": f"no lowering '{wanted.lowering}' for {operator.label()}"}
    try:
        found = estimate(operator, row, Point.from_dict(wanted.point), target, wanted.seed)
    except Exception as error:
        return failed("run", error)
    if found.mismatch:
        return {"failure": "wrong", "message": found.mismatch}
    return {"run_secs": [found.seconds]}


class StaticRunner:
    """Estimates points in as many processes as there are cores.

    Args:
        timeout: seconds that one trial may take.
        log: file that receives what the processes print.
        processes: how many; None takes one for each core.
    """

    evidence: Evidence = "estimated"

    def __init__(self, timeout: float, log: Path, processes: int | None = None) -> None:
        self.timeout = timeout
        self._log: IO[bytes] = log.open("ab")
        self._processes = [Process(self._log) for _ in range(processes or logical_cores())]
        self._idle: SimpleQueue[Process] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(len(self._processes))

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Result]]:
        """In the order of the requests; never raises for a bad candidate."""
        under_way: deque[tuple[Request, Future[Result]]] = deque()
        for request in requests:
            under_way.append((request, self._threads.submit(self._run, request)))
            if len(under_way) == len(self._processes):
                yield _done(under_way.popleft())
        while under_way:
            yield _done(under_way.popleft())

    def _run(self, request: Request) -> Result:
        process = self._idle.get()
        try:
            return answer(process, price, request, self.timeout)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.end()
        self._threads.shutdown(cancel_futures=True)
        self._log.close()


def _done(entry: tuple[Request, Future[Result]]) -> tuple[Request, Result]:
    request, future = entry
    return request, future.result()
