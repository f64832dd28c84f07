"""A process that does one thing at a time for a thread, and can be ended by another.

It never outlives whoever started it, whatever it is doing and however that one ends: it holds one end of a pipe that
nobody writes to, and has asked the kernel for a SIGKILL when the other end is closed. Its own children, such as
linkers, belong to its process group and end with it.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import IO, Any

_USES = 250
"""Compiled code is never unloaded, so a process is replaced after so many calls."""

_GROWTH = 2**30
"""Bytes by which a process may grow after its first call before it is replaced: what it runs may leak."""

_START_SECONDS = 600.0
"""A process that takes longer to load what it is asked for will never do it."""

_BEGUN: dict[str, Any] = {}
"""What a process sends when it has loaded a function and is about to call it."""


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
        self._lifeline: Connection | None = None
        self._uses, self._first_size = 0, 0
        self._ended = False

    @property
    def log(self) -> str:
        """Name of the file that receives what it prints."""
        return str(self._log.name)

    @property
    def is_new(self) -> bool:
        """Whether the next call is the first one of a process, so that nothing earlier can have harmed it."""
        return self._running is None

    def call(self, function: Callable[..., dict[str, Any]], *arguments: Any, timeout: float) -> dict[str, Any]:
        """What ``function``, known by its module and name, returns there.

        The time begins when the process has loaded the function: a busy machine must not cost a candidate its trial.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds; the process is gone.
            ChildProcessError: the process died, or was ended.
        """
        try:
            pipe = self._started()
            pipe.send((function, arguments))
            if not pipe.poll(_START_SECONDS):
                raise EOFError
            _received(pipe)
            if not pipe.poll(timeout):
                raise TimeoutError
            answer = _received(pipe)
        except (EOFError, OSError) as error:
            self.renew()
            # A time-out is an OSError too.
            raise error if isinstance(error, TimeoutError) else ChildProcessError("the process died") from None
        return answer

    def _started(self) -> Connection:
        with self._lock:
            if self._ended:
                raise ChildProcessError("ended")
            self._uses += 1
            if self._uses > _USES or self._has_grown():
                self._kill()
            if self._pipe is None:
                self._start()
            assert self._pipe is not None
            return self._pipe

    def _start(self) -> None:
        self._pipe, theirs = Pipe()
        watched, self._lifeline = Pipe(duplex=False)
        with theirs, watched:
            handles = [theirs.fileno(), watched.fileno()]
            command = [sys.executable, "-m", __name__, *map(str, handles)]
            # A group of its own: an interruption from the terminal is the parent's affair.
            self._running = subprocess.Popen(
                command, pass_fds=handles, stdout=self._log, stderr=self._log, start_new_session=True
            )
        self._uses, self._first_size = 1, 0

    def _has_grown(self) -> bool:
        if self._running is None:
            return False
        size = _resident_bytes(self._running.pid)
        self._first_size = self._first_size or size
        return size > self._first_size + _GROWTH

    def renew(self) -> None:
        """End the process; the next call starts another."""
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        self._end_group()
        self._running = self._pipe = self._lifeline = None

    def _end_group(self) -> None:
        if self._running is not None and self._running.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()

    def end(self) -> None:
        """For good; a thread that waits for an answer gets a ``ChildProcessError``."""
        with self._lock:
            self._ended = True
            self._end_group()


def _received(pipe: Connection) -> dict[str, Any]:
    """The answer; what a process sends whose memory is damaged may be no answer at all.

    Raises:
        EOFError: there is none.
    """
    try:
        answer = pipe.recv()
    except Exception as error:
        raise EOFError from error
    if not isinstance(answer, dict):
        raise EOFError
    return answer


def _resident_bytes(process: int) -> int:
    """What a process has in memory; 0 for one that has died."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def end_with(watched: int) -> None:
    """Have the kernel end this process group when the other end of a pipe is closed; at once, if it is closed.

    A thread that waits for it would not do: compiled code may hold the interpreter's lock for good.
    """
    fcntl.fcntl(watched, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(watched, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(watched, fcntl.F_SETFL, fcntl.fcntl(watched, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([watched], [], [], 0)[0]:
        os.killpg(0, signal.SIGKILL)


def _offer_to_die_first() -> None:
    """Where memory runs out, the kernel is to end this process and not the one that keeps the results."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def main(handle: int, watched: int) -> None:
    """Do what is asked for at the other end of a pipe, until that end is closed."""
    end_with(watched)
    _offer_to_die_first()
    # TVM would load torch, if there is one, and has no use for it here.
    sys.modules["torch"] = None  # type: ignore[assignment]
    pipe = Connection(handle)
    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(_BEGUN)
        pipe.send(function(*arguments))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
