"""TVM's thread pool: how many cores compiled code uses, and which."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tvm_bnn.targets import logical_cores

_ANY, _SHARED = 1, -3
"""TVM's modes: workers tied to cores that it chooses, and workers that share the cores that it is given."""


def offer_all_cores() -> None:
    """Let the pool have every core; to be called before TVM is imported. What the user has set stays.

    On x86 the pool takes half of the logical cores, supposing two per physical one, unless it is told a number.
    """
    os.environ.setdefault("TVM_NUM_THREADS", str(logical_cores()))


@contextmanager
def running_on(tvm: Any, threads: int) -> Iterator[None]:
    """Compiled code that is called from this thread runs on so many threads, the caller included.

    They share all cores that the caller may use. TVM would tie each worker to a core of its own otherwise: the same
    one for every caller of a process, and one that anything else may keep busy while another idles.
    """
    configure = tvm.get_global_func("runtime.config_threadpool")
    if hasattr(os, "sched_getaffinity"):
        cores = map(str, sorted(os.sched_getaffinity(0)))
        configure(_SHARED, threads, tvm.get_global_func("ffi.Array")(*cores))
    else:
        configure(_ANY, threads)
    yield
