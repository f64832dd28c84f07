"""The C interface, built by CMake and called through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

OK, INTERNAL, BAD_INPUT, UNSUPPORTED = 0, 1, 2, 4

_Extents = ctypes.POINTER(ctypes.c_int64)


class Options(ctypes.Structure):
    _fields_ = (("threads", ctypes.c_int), ("runtime", ctypes.c_char_p))


class Array(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_char_p),
        ("ndim", ctypes.c_int),
        ("shape", _Extents),
        ("strides", _Extents),
    )


class Contract(ctypes.Structure):
    _fields_ = (("dtype", ctypes.c_char_p), ("layout", ctypes.c_char_p), ("ndim", ctypes.c_int), ("shape", _Extents))


class Class(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("color", ctypes.c_uint8 * 3))


class Description(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("name", "width", "target", "version")),
        ("trained", ctypes.c_int),
        ("threads", ctypes.c_int),
        ("input", Contract),
        ("output", Contract),
        ("class_count", ctypes.c_size_t),
        ("classes", ctypes.POINTER(Class)),
    )


class Failed(Exception):
    """A status that is not OK, and its text."""


class Interface:
    """The functions of the library."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.library.tvmbnn_last_error.restype = ctypes.c_char_p
        self.library.tvmbnn_close.argtypes = [ctypes.c_void_p]

    def checked(self, status: int) -> None:
        if status != OK:
            raise Failed(status, self.library.tvmbnn_last_error().decode())

    @contextmanager
    def opened(self, bundle: Path, threads: int = 0, runtime: Path | None = None) -> Iterator[ctypes.c_void_p]:
        network = ctypes.c_void_p()
        options = Options(threads, str(runtime).encode() if runtime else None)
        self.checked(self.library.tvmbnn_open(str(bundle).encode(), ctypes.byref(options), ctypes.byref(network)))
        try:
            yield network
        finally:
            self.library.tvmbnn_close(network)

    def description(self, network: ctypes.c_void_p) -> Description:
        found = ctypes.POINTER(Description)()
        self.checked(self.library.tvmbnn_describe(network, ctypes.byref(found)))
        return found.contents

    def run(self, network: ctypes.c_void_p, picture: Any, result: Any) -> None:
        arrays = [
            array if array is None or isinstance(array, Array) else as_array(array) for array in (picture, result)
        ]
        pointers = [None if array is None else ctypes.byref(array) for array in arrays]
        self.checked(self.library.tvmbnn_run(network, *pointers))


def as_array(array: np.ndarray[Any, Any], **other: Any) -> Array:
    """A NumPy array, as it lies, for a call."""
    extents = ctypes.c_int64 * max(array.ndim, 1)
    fields = {
        "data": array.ctypes.data,
        "dtype": str(array.dtype).encode(),
        "ndim": array.ndim,
        "shape": extents(*array.shape),
        "strides": extents(*(stride // array.itemsize for stride in array.strides)),
    }
    return Array(**{**fields, **other})


def build(
    sources: Path, folder: Path, compiler: str, options: Sequence[str] = (), programs: Sequence[str] = ()
) -> Path:
    """Build everything in the recipe, or these programs; skips where a tool is missing."""
    for tool in ("cmake", compiler):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} on this machine")
    settings = [f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_CXX_FLAGS=-Werror", "-DBUILD_SHARED_LIBS=ON", *options]
    chosen = ["--target", *programs] if programs else []
    configure = ["cmake", "-S", str(sources), "-B", str(folder), *settings]
    for command in (configure, ["cmake", "--build", str(folder), *chosen]):
        subprocess.run(command, check=True, capture_output=True)
    return folder
