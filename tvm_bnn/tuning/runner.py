"""The local runner: one measuring process, replaced whenever a candidate breaks it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO, Any, Protocol

from tvm_bnn._tvm import popen_worker
from tvm_bnn.tuning.worker import Request, measure

_USES_OF_A_PROCESS = 250
"""Compiled code is never unloaded, so a process is replaced before it grows large."""


class Runner(Protocol):
    """Builds, checks and times one point."""

    def run(self, request: Request) -> dict[str, Any]:
        """``{"run_secs": [...]}`` or ``{"failure": kind, "message": line}``."""


class LocalRunner:
    """Builds and times points on this machine, one at a time.

    Args:
        timeout: seconds that one trial may take, the building included.
        log: file that receives what the measuring processes print.
    """

    def __init__(self, timeout: float, log: Path) -> None:
        self.timeout = timeout
        self._log: IO[bytes] = log.open("ab")
        self._worker = popen_worker(_USES_OF_A_PROCESS, self._log)

    def run(self, request: Request) -> dict[str, Any]:
        """``{"run_secs": [...]}`` or ``{"failure": kind, "message": line}``; never raises for a bad candidate."""
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
