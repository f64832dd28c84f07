"""Stand-ins for ``measure`` that break the measuring process; it imports them from here."""

import os
import signal
import time
from collections.abc import Mapping
from typing import Any


def die(request: Mapping[str, Any]) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("still alive")


def hang(request: Mapping[str, Any]) -> dict[str, Any]:
    time.sleep(600)
    raise AssertionError("woke up")


def process(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"run_secs": [float(os.getpid())]}


def slow_first(request: Mapping[str, Any]) -> dict[str, Any]:
    time.sleep(0.3 if request["seed"] == 0 else 0)
    return {"run_secs": [1.0 + request["seed"]]}


_calls: list[object] = []


def die_of_what_was_before(request: Mapping[str, Any]) -> dict[str, Any]:
    """Dies where :func:`harm` was called."""
    return process(request) if not _calls else die(request)


def harm(request: Mapping[str, Any]) -> dict[str, Any]:
    _calls.append(request)
    return process(request)


def wrong(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"failure": "wrong", "message": "stream[0]: expected 1, got 2"}
