"""TVM's thread pool: how many cores compiled code uses, and which."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tvm_bnn.targets import logical_cores

_TASKS = Path("/proc/self/task")

_pool = threading.local()
"""Of the calling thread, as TVM's pools are: ``threads``, the number it was set up for."""


def offer_all_cores() -> None:
    """Let the pool have every core; to be called before TVM is imported. What the user has set stays.

    On x86 the pool takes half of the logical cores, supposing two per physical one, unless it is told a number.
    """
    os.environ.setdefault("TVM_NUM_THREADS", str(logical_cores()))


@contextmanager
def running_on(tvm: Any, threads: int) -> Iterator[None]:
    """Compiled code that is called from this thread runs on so many threads, the caller included.

    TVM ties each of its workers to a core and trusts that the caller runs elsewhere. A caller that happens to sit on
    a worker's core may share it for seconds, at half the speed, while another core idles; so for the duration the
    caller keeps off the workers' cores.
    """
    _configure(tvm, threads)
    if threads == 1 or not _TASKS.is_dir():
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed - _workers_cores() or allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _configure(tvm: Any, threads: int) -> None:
    """Set this thread's pool up, unless it is already: that ties every worker anew, which takes a while."""
    if getattr(_pool, "threads", None) == threads:
        return
    any_core = 1
    tvm.get_global_func("runtime.config_threadpool")(any_core, threads)
    _pool.threads = threads


def _workers_cores() -> set[int]:
    """Cores to which another thread of this process is tied."""
    cores: set[int] = set()
    for task in _TASKS.iterdir():
        try:
            tied = os.sched_getaffinity(int(task.name))
        except ProcessLookupError:
            # It ended meanwhile.
            continue
        cores |= tied if len(tied) == 1 else set()
    return cores
