"""The virtual machine that runs compiled networks on this host."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.amx import require_permission
from tvm_bnn.threads import offer_all_cores, running_on

UInt8 = NDArray[np.uint8]


def runtime() -> Any:
    """The package ``tvm``, loaded without torch where nothing has needed torch yet.

    TVM's FFI loads torch, if there is one, only to get ahead of a clash of symbols on Windows. Running a compiled
    network has no use for it, and it is most of the time that a program takes to start.
    """
    offer_all_cores()
    if "torch" in sys.modules or "tvm_ffi" in sys.modules:
        import tvm

        return tvm
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import tvm
    finally:
        del sys.modules["torch"]
    return tvm


def on_threads(threads: int) -> AbstractContextManager[None]:
    """For the duration, kernels that are called from this thread use so many cores, at least 1."""
    return running_on(runtime(), threads)


def machine(executable: Any, *, tiles: bool = False) -> Any:
    """A virtual machine with memory of its own for an executable or a loaded library.

    Args:
        executable: or library.
        tiles: whether its code uses AMX tiles; the permission is then asked for.

    Raises:
        ToolchainError: this host refuses tiles.
    """
    if tiles:
        require_permission()
    tvm = runtime()
    return tvm.relax.VirtualMachine(executable, tvm.cpu())


def tensor(array: UInt8) -> Any:
    """A copy of an array that a virtual machine can read."""
    return runtime().runtime.tensor(np.ascontiguousarray(array))
