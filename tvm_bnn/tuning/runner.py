"""What measures points, and the local way: one measuring process, replaced whenever a candidate breaks it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from tvm_bnn._tvm import popen_worker
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.worker import Request, measure

_USES_OF_A_PROCESS = 250
"""Compiled code is never unloaded, so a process is replaced before it grows large."""


Result = dict[str, Any]
"""``{"run_secs": [...]}`` or ``{"failure": kind, "message": line}``."""


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
        self._worker = popen_worker(_USES_OF_A_PROCESS, self._log)

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Result]]:
        """One after the other; never raises for a bad candidate."""
        for request in requests:
            yield request, self._run(request)

    def _run(self, request: Request) -> Result:
        self._worker.send(measure, (request.to_dict(),), timeout=self.timeout)
        try:
            return dict(self._worker.recv())
        except TimeoutError:
            return {"failure": "timeout", "message": f"not finished after {self.timeout:g} s"}
        except ChildProcessError:
            return {"failure": "crash", "message": f"the measuring process died; see {self._log.name}"}

    def close(self) -> None:
        """End the measuring process."""
        with contextlib.suppress(OSError):
            self._worker.kill()
        self._log.close()
