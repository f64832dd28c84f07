"""The virtual machine that runs compiled networks on this host."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.amx import require_permission
from tvm_bnn.deploy.loading import ffi, load_installed_cuda
from tvm_bnn.targets import Target
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


def device_of(target: Target) -> Any:
    """Where code for a target runs: on the CPU or on the first GPU of this machine.

    Raises:
        ToolchainError: TVM's part for GPUs cannot be loaded.
    """
    tvm = runtime()
    if target.cuda is None:
        return tvm.cpu()
    load_installed_cuda()
    return tvm.cuda()


def machine(executable: Any, device: Any = None, *, tiles: bool = False) -> Any:
    """A virtual machine with memory of its own for an executable or a loaded library.

    Args:
        executable: or library.
        device: on which its kernels run; None for the CPU.
        tiles: whether its code uses AMX tiles; the permission is then asked for.

    Raises:
        ToolchainError: this host refuses tiles.
    """
    if tiles:
        require_permission()
    tvm = runtime()
    return tvm.relax.VirtualMachine(executable, device or tvm.cpu())


def tensor(array: UInt8, device: Any = None) -> Any:
    """A copy of an array that a virtual machine can read, on its device; None for the CPU."""
    return runtime().runtime.tensor(np.ascontiguousarray(array), device)
