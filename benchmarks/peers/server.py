"""The process in which an engine runs: JSON lines in, JSON lines out.

Asked ``{"prepare": case}`` it answers ``{"seconds": s}``, what a call costs here; asked ``{"run": n}`` it answers
``{"times": [...]}``, seconds of n calls; whatever goes wrong is answered by ``{"error": line}``. It ends with its
input. Imported by every engine's Python, so only the standard library is used here.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import IO, Any, Protocol

_WARM_CALLS = 2
_WARM_CALLS_OF_A_TURN = 1
# prctl(2)
_PR_SET_PDEATHSIG = 1


class Prepared(Protocol):
    """A case that is ready to run."""

    def times(self, runs: int) -> list[float]:
        """Seconds of so many calls."""


Prepare = Callable[[dict[str, Any], dict[str, Any], int], Prepared]
"""Of a case, with the options of the engine, for so many threads."""


def serve(prepare: Callable[[dict[str, Any]], Prepared], requests: IO[str], answers: IO[str]) -> None:
    """Answer until the input ends."""
    prepared: Prepared | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if "prepare" in request:
                # Let go of what was there before: two networks at a time may not fit.
                prepared = None
                prepared = prepare(request["prepare"])
                prepared.times(_WARM_CALLS)
                began = time.perf_counter()
                prepared.times(1)
                answer: dict[str, Any] = {"seconds": time.perf_counter() - began}
            else:
                answer = {"times": _turn(prepared, request["run"])}
        except Exception as error:
            answer = {"error": _one_line(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _turn(prepared: Prepared | None, runs: int) -> list[float]:
    if prepared is None:
        raise RuntimeError("nothing was prepared")
    # The caches belonged to another engine meanwhile.
    prepared.times(_WARM_CALLS_OF_A_TURN)
    return prepared.times(runs)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _end_with_parent() -> None:
    """A stopped process would otherwise outlive a parent that is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """``python -m benchmarks.peers.server MODULE THREADS OPTIONS``."""
    module, threads, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    _end_with_parent()
    # Engines print to standard output what they like.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def prepare(case: dict[str, Any]) -> Prepared:
        found: Prepare = importlib.import_module(f"benchmarks.peers.engines.{module}").prepare
        return found(case, options, threads)

    serve(prepare, sys.stdin, answers)


if __name__ == "__main__":
    main()
