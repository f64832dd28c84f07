"""Threads on which networks are computed.

TVM keeps workers for every thread that has ever called it until the process ends. A program may start a thread for
each picture, so calls are made by threads that stay for the next call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")
_idle: deque[ThreadPoolExecutor] = deque()
"""One thread each."""


def on_lasting_thread(function: Callable[[], _Result]) -> _Result:
    """Run a function on a thread that lives as long as the process, and wait for it.

    That is this one if it is the main thread, else one that nobody uses just now. What the function raises is raised.
    """
    if threading.current_thread() is threading.main_thread():
        return function()
    try:
        seat = _idle.pop()
    except IndexError:
        seat = ThreadPoolExecutor(1, thread_name_prefix="tvm-bnn")
    try:
        return seat.submit(function).result()
    finally:
        _idle.append(seat)
