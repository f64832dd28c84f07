"""Measures candidates in a process that may die of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .kernel import serve
from .unusable import Unusable

_USES = 250
"""Compiled code is never unloaded, so a process is replaced before it grows large."""

_STARTING = 300
"""Seconds that loading TVM may take; on the shared disks of a cluster it is slow."""


class Bench:
    """Measures candidates in a process of their own, which is replaced whenever one has failed in it.

    Args:
        folder: that was exported.
        kind: of device, ``cpu`` or ``cuda``.
        device: number of the GPU.
        timeout: seconds that one candidate may take.
    """

    def __init__(self, folder: Path, kind: str, device: int, timeout: float) -> None:
        self.folder, self.kind, self.device, self.timeout = folder, kind, device, timeout
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None
        self._pipe: Any = None
        self._uses = 0

    def start(self) -> dict[str, Any]:
        """Load TVM; its versions, and the GPU if there is one.

        Raises:
            Unusable: TVM cannot be loaded.
        """
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=serve, args=(theirs, self.folder, self.kind, self.device), daemon=True
        )
        self._process.start()
        theirs.close()
        self._uses = 0
        try:
            found: dict[str, Any] = self._answer(_STARTING)
        except (EOFError, OSError) as error:
            found = {"error": f"a process that ends or hangs while it loads them ({type(error).__name__})"}
        if "error" in found:
            self.end()
            hint = "pip install apache-tvm and numpy, in the versions of batch.json; no compiler is needed"
            raise Unusable(f"expected TVM's runtime and NumPy, got: {found['error']}", hint, 4)
        return found

    def result(self, candidate: Mapping[str, Any], repeat: int, limit: float | None) -> dict[str, Any]:
        """What came of a candidate; a failure counts once it happened in a process that did nothing else before."""
        if self._process is not None and self._uses >= _USES:
            self.end()
        alone = self._process is None or self._uses == 0
        found = self._ask(candidate, repeat, limit)
        if "failure" in found and not alone and found["failure"] != "timeout":
            found = self._ask(candidate, repeat, limit)
        return found

    def _ask(self, candidate: Mapping[str, Any], repeat: int, limit: float | None) -> dict[str, Any]:
        if self._process is None:
            self.start()
        self._uses += 1
        try:
            self._pipe.send((candidate, repeat, limit))
            found: dict[str, Any] = self._answer(self.timeout)
        except TimeoutError:
            found = {"failure": "timeout", "message": f"not finished after {self.timeout:g} s"}
        except (EOFError, OSError):
            self._process.join(5)
            found = {"failure": "crash", "message": f"the process died (exit code {self._process.exitcode})"}
        if "failure" in found:
            self.end()
        return found

    def _answer(self, seconds: float) -> Any:
        if not self._pipe.poll(seconds):
            raise TimeoutError
        return self._pipe.recv()

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None
