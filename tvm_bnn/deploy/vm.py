"""The virtual machine that runs compiled networks on this host."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.amx import require_permission
from tvm_bnn.deploy.loading import ffi
from tvm_bnn.threads import running_on

UInt8 = NDArray[np.uint8]


def runtime() -> Any:
    """The package ``tvm``, loaded without torch where nothing has needed torch yet."""
    ffi()
    import tvm

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
