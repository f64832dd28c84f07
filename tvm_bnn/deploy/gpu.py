"""Running a compiled network on an NVIDIA GPU: pictures in the host's memory in, results there out.

A picture is copied to the GPU once and the result back once; everything between stays on the GPU, most of it in one
CUDA graph, which the first call captures. While it does, no other thread may ask the GPU for memory; and scratch
memory that a graph refers to belongs to the thread that captured it. So one thread, which lives as long as the
process, makes all calls.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.deploy.nvrtc import packages
from tvm_bnn.errors import ToolchainError

CUDA_LIBRARY = "libtvm_runtime_cuda.so"
"""TVM's part for NVIDIA GPUs."""

INSTALL = "update NVIDIA's driver, or: pip install 'tvm-bnn[cuda]'"
_GPU, _CPU, _FIRST, _POOLED = 2, 1, 0, 2
"""Arguments of the virtual machine: kinds and numbers of devices, and an allocator that keeps memory for reuse."""

_caller = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tvm-bnn-gpu")
Result = TypeVar("Result")


def load_cuda(folder: Path, tvm_ffi: Any) -> None:
    """TVM's part for NVIDIA GPUs, once per process, after its runtime.

    It needs NVIDIA's driver and runtime library; the latter also comes as a package, which no linker looks into.

    Args:
        folder: of TVM's libraries.
        tvm_ffi: the loaded package.

    Raises:
        ToolchainError: one of the libraries is missing or does not fit the others.
    """
    if tvm_ffi.get_global_func("device_api.cuda", allow_missing=True) is not None:
        return
    found = [path for place in packages() for path in sorted(place.glob("*/lib/libcudart.so.*"))]
    try:
        for path in (*found, folder / CUDA_LIBRARY):
            ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise ToolchainError(f"cannot load {CUDA_LIBRARY}: {error}", INSTALL) from error


def on_gpu_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """What a function returns or raises, called by the thread that makes all calls."""
    return _caller.submit(function, *arguments).result()


class GpuNetwork:
    """The function ``main`` of a loaded library, on the GPU.

    Threads may call it at the same time and then wait for each other: the GPU serves one network at a time.

    Args:
        library: as ``tvm_ffi.load_module`` gives it.
        tvm_ffi: the loaded package.
    """

    def __init__(self, library: Any, tvm_ffi: Any) -> None:
        self._ffi = tvm_ffi
        self._picture: Any = None
        self._main: Callable[[Any], Any] = on_gpu_thread(self._machine, library)

    def __call__(self, picture: Any) -> NDArray[Any]:
        """Run the network; ``picture`` and the result are in the host's memory."""
        return on_gpu_thread(self._run, picture)

    def _machine(self, library: Any) -> Callable[[Any], Any]:
        machine = library["vm_load_executable"]()
        machine["vm_initialization"](_GPU, _FIRST, _POOLED, _CPU, _FIRST, _POOLED)
        main: Callable[[Any], Any] = machine["main"]
        return main

    def _run(self, picture: Any) -> NDArray[Any]:
        if self._picture is None:
            self._picture = self._empty(picture)
        self._ffi.get_global_func("runtime.TVMTensorCopyFromTo")(picture, self._picture)
        found = self._main(self._picture)
        result = np.empty(tuple(found.shape), str(found.dtype))
        # This waits for the GPU.
        pointer = ctypes.c_void_p(result.ctypes.data)
        self._ffi.get_global_func("runtime.TVMTensorCopyToBytes")(found, pointer, result.nbytes)
        return result

    def _empty(self, like: Any) -> Any:
        """Memory of the GPU for a tensor of that shape and type."""
        allocate = self._ffi.get_global_func("runtime.TVMTensorAllocWithScope")
        return allocate(like.shape, like.dtype, self._ffi.device("cuda", _FIRST), None)
