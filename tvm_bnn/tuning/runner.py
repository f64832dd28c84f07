"""What measures points, and the local way: one measuring process, replaced whenever a candidate breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.process import Process
from tvm_bnn.tuning.worker import Request, measure

Result = dict[str, Any]
"""``{"run_secs": [...]}`` or ``{"failure": kind, "message": line}``."""


_SUSPECT = ("run", "wrong", "memory")
"""Failures after which a process may not be what it was."""


class Runner(Protocol):
    """Builds points, checks them and tells how long they take; :attr:`evidence` says what its times are."""

    @property
    def evidence(self) -> Evidence:
        """Whether times are measured or estimated."""

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Result]]:
        """Every request with its result; takes the next request when there is room for it."""

    def close(self) -> None:
        """End all processes."""


def run_one(runner: Runner, request: Request) -> Result:
    """The result of a single request."""
    ((_, result),) = runner.run_many([request])
    return result


def answer(process: Process, function: Callable[..., Result], request: Request, timeout: float) -> Result:
    """What ``function`` makes of a request in a process; a process that hangs or dies is a failure like others.

    A process that dies may do so of what an earlier candidate has left behind: only a new one's death is a crash of
    this candidate. And what ran a bad candidate is not trusted with the next.
    """
    alone = process.is_new
    try:
        result = process.call(function, request.to_dict(), timeout=timeout)
    except TimeoutError:
        return {"failure": "timeout", "message": f"not finished after {timeout:g} s"}
    except ChildProcessError:
        if not alone:
            return answer(process, function, request, timeout)
        return {"failure": "crash", "message": f"the process died; see {process.log}"}
    if result.get("failure") in _SUSPECT:
        process.renew()
    return result


class LocalRunner:
    """Builds and times points on this machine, one at a time.

    Args:
        timeout: seconds that one trial may take, the building included.
        log: file that receives what the measuring processes print.
    """

    evidence: Evidence = "measured"

    def __init__(self, timeout: float, log: Path) -> None:
        self.timeout = timeout
        self._log: IO[bytes] = log.open("ab")
        self._process = Process(self._log)

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Result]]:
        """One after the other; never raises for a bad candidate."""
        for request in requests:
            yield request, answer(self._process, measure, request, self.timeout)

    def close(self) -> None:
        """End the measuring process."""
        self._process.end()
        self._log.close()
