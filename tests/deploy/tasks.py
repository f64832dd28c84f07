"""Threads of this process, as the system counts them: those of libraries, too."""

import threading
from collections.abc import Callable
from pathlib import Path


def tasks_after(use: Callable[[], object], times: int) -> int:
    """How many there are after so many threads have called ``use``, one after the other."""
    for _ in range(times):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    return len(list(Path("/proc/self/task").iterdir()))
