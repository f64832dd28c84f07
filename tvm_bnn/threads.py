"""TVM's thread pool: how many cores compiled code uses."""

from __future__ import annotations

import os
from typing import Any

from tvm_bnn.targets import logical_cores


def offer_all_cores() -> None:
    """Let the pool have every core; to be called before TVM is imported. What the user has set stays.

    On x86 the pool takes half of the logical cores, supposing two per physical one, unless it is told a number. It
    also ties each worker to a core and trusts that the calling thread runs elsewhere; where that one happens to sit
    on a worker's core, both share it for as long as the process lives, at half the speed. Untied they spread.
    """
    os.environ.setdefault("TVM_NUM_THREADS", str(logical_cores()))
    os.environ.setdefault("TVM_BIND_THREADS", "0")


def use_threads(tvm: Any, threads: int) -> None:
    """Let compiled code that is called from this thread run on so many threads, the caller included."""
    any_core = 1
    tvm.get_global_func("runtime.config_threadpool")(any_core, threads)
