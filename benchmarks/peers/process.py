"""The other side of :mod:`benchmarks.peers.server`: an engine in a process of its own, stopped while others run."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

PREPARE_SECONDS = 900.0
RUN_SECONDS = 300.0
_CHUNK = 1 << 16


class PeerError(Exception):
    """An engine that cannot do what it was asked for; one line that says why."""


class Peer:
    """One engine.

    Between two requests the process is stopped, so that its threads, however eagerly they wait for work, take
    nothing from the engine whose turn it is.

    Args:
        command: that starts the server.
        environment: added to this process's.
        log: receives what the engine prints.

    Raises:
        PeerError: there is no such program.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=output,
                    env={**os.environ, **environment},
                )
        except OSError as error:
            raise PeerError(f"cannot start {command[0]}: {error.strerror}") from error
        self._unread = b""

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def prepare(self, case: Mapping[str, Any]) -> float:
        """Make a case ready; the seconds that a call costs.

        Raises:
            PeerError: the engine cannot, has died or does not answer.
        """
        return float(self._ask({"prepare": dict(case)}, PREPARE_SECONDS)["seconds"])

    def run(self, runs: int) -> list[float]:
        """Seconds of so many calls of what was prepared.

        Raises:
            PeerError: as above.
        """
        return [float(seconds) for seconds in self._ask({"run": runs}, RUN_SECONDS)["times"]]

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        # A stopped process does not see that its input has ended.
        self._process.kill()
        self._process.wait()

    def _ask(self, request: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.send_signal(signal.SIGCONT)
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise PeerError(self._ending()) from error
        answer: dict[str, Any] = json.loads(self._line(timeout))
        self._process.send_signal(signal.SIGSTOP)
        if "error" in answer:
            raise PeerError(str(answer["error"]))
        return answer

    def _line(self, timeout: float) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], timeout)
            if not ready:
                self._process.kill()
                raise PeerError(f"no answer within {timeout:g} s")
            chunk = os.read(self._process.stdout.fileno(), _CHUNK)
            if not chunk:
                raise PeerError(self._ending())
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _ending(self) -> str:
        status = self._process.wait()
        how = f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"status {status}"
        last = self._log.read_text(errors="replace").strip().splitlines()[-1:]
        return " ".join([f"the process ended with {how}", *(f"after: {line[:200]}" for line in last)])
