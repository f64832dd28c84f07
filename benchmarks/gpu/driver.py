"""A kernel launched and timed by NVIDIA's driver alone."""

from __future__ import annotations

import ctypes
from typing import Any


class Driver:
    """The first GPU, with memory for one result of every thread.

    Args:
        library: of the driver.
        threads: the most that are ever launched.
    """

    def __init__(self, library: Any, threads: int) -> None:
        self._cuda = library
        device, context, self._out = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        self._check(library.cuInit(0))
        self._check(library.cuDeviceGet(ctypes.byref(device), 0))
        self._check(library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
        self._check(library.cuCtxSetCurrent(context))
        self._check(library.cuMemAlloc_v2(ctypes.byref(self._out), ctypes.c_size_t(4 * threads)))
        self._events = [ctypes.c_void_p(), ctypes.c_void_p()]
        for event in self._events:
            self._check(library.cuEventCreate(ctypes.byref(event), 0))

    def function(self, code: bytes, name: str) -> ctypes.c_void_p:
        """A kernel of a cubin."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self._cuda.cuModuleLoadData(ctypes.byref(module), code))
        self._check(self._cuda.cuModuleGetFunction(ctypes.byref(function), module, name.encode()))
        return function

    def milliseconds(self, function: ctypes.c_void_p, blocks: int, threads: int, rounds: int) -> float:
        """Of one launch, between two events of the GPU."""
        began, ended = self._events
        number, told = ctypes.c_int(rounds), ctypes.c_float()
        arguments = (ctypes.c_void_p * 2)(ctypes.addressof(self._out), ctypes.addressof(number))
        self._check(self._cuda.cuEventRecord(began, None))
        self._check(self._cuda.cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, None, arguments, None))
        self._check(self._cuda.cuEventRecord(ended, None))
        self._check(self._cuda.cuEventSynchronize(ended))
        self._check(self._cuda.cuEventElapsedTime(ctypes.byref(told), began, ended))
        return told.value

    @staticmethod
    def _check(status: int) -> None:
        if status:
            raise RuntimeError(f"the driver returned error {status}")
