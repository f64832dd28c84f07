"""A process that does one thing at a time for a thread, and can be ended by another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Lock
from typing import IO, Any

_USES = 250
"""Compiled code is never unloaded, so a process is replaced before it grows large."""


class Process:
    """Starts when it is first called, and again after it died.

    Args:
        log: receives what it prints.
    """

    def __init__(self, log: IO[bytes]) -> None:
        self._log = log
        self._lock = Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._uses = 0
        self._ended = False

    @property
    def log(self) -> str:
        """Name of the file that receives what it prints."""
        return str(self._log.name)

    def call(self, function: Callable[..., dict[str, Any]], *arguments: Any, timeout: float) -> dict[str, Any]:
        """What ``function``, known by its module and name, returns there.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds; the process is gone.
            ChildProcessError: the process died, or was ended.
        """
        try:
            pipe = self._started()
            pipe.send((function, arguments))
            if not pipe.poll(timeout):
                raise TimeoutError
            answer: dict[str, Any] = pipe.recv()
        except (EOFError, OSError) as error:
            self._stop()
            # A time-out is an OSError too.
            raise error if isinstance(error, TimeoutError) else ChildProcessError("the process died") from None
        return answer

    def _started(self) -> Connection:
        with self._lock:
            if self._ended:
                raise ChildProcessError("ended")
            self._uses += 1
            if self._uses > _USES:
                self._kill()
            if self._pipe is None:
                self._start()
            assert self._pipe is not None
            return self._pipe

    def _start(self) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            handle = theirs.fileno()
            command = [sys.executable, "-m", __name__, str(handle)]
            self._running = subprocess.Popen(command, pass_fds=[handle], stdout=self._log, stderr=self._log)
        self._uses = 1

    def _stop(self) -> None:
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
        self._running = self._pipe = None

    def end(self) -> None:
        """For good; a thread that waits for an answer gets a ``ChildProcessError``."""
        with self._lock:
            self._ended = True
            if self._running is not None:
                self._running.kill()
                self._running.wait()


def main(handle: int) -> None:
    """Do what is asked for at the other end of a pipe, until that end is closed."""
    # TVM would load torch, if there is one, and has no use for it here.
    sys.modules["torch"] = None  # type: ignore[assignment]
    pipe = Connection(handle)
    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(function(*arguments))


if __name__ == "__main__":
    main(int(sys.argv[1]))
