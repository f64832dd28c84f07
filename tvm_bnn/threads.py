"""TVM's thread pool: how many cores compiled code uses."""

from __future__ import annotations

import os
from typing import Any

from tvm_bnn.targets import logical_cores


def offer_all_cores() -> None:
    """Let the pool have every core; to be called before TVM is imported.

    On x86 the pool takes half of the logical cores, supposing two per physical one, unless it is told a number.
    """
    os.environ.setdefault("TVM_NUM_THREADS", str(logical_cores()))


def use_threads(tvm: Any, threads: int) -> None:
    """Let compiled code run on so many threads of this process: once, before anything runs.

    The pool of this TVM does not grow again after it ran with fewer (seen with 1, then 2).
    """
    any_core = 1
    tvm.get_global_func("runtime.config_threadpool")(any_core, threads)
