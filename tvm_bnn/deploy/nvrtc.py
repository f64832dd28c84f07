"""From CUDA C to machine code by NVIDIA's runtime compiler: one library, no GPU and no other compiler needed."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import Any

from tvm_bnn.errors import ToolchainError

INSTALL = "pip install 'tvm-bnn[cuda]'"
_OPTIONS = ("--std=c++17",)
_PRELUDE = """\
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
"""
_LIBRARY = re.compile(r"^\s*(#include <cuda/std/|using cuda::std::).*\n", re.MULTILINE)
"""What TVM includes of the C++ library; reading it takes ten times as long as the kernels do, and needs packages."""


def compile_cuda(source: str, arch: str) -> bytes:
    """The cubin of a CUDA source; the same source gives the same bytes.

    Args:
        source: as TVM writes it.
        arch: real architecture, such as `sm_90`.

    Raises:
        ToolchainError: the compiler is not installed, or refuses the source.
    """
    nvrtc = _library()
    program = ctypes.c_void_p()
    text = (_PRELUDE + _LIBRARY.sub("", source)).encode()
    _check(nvrtc, nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, b"kernels.cu", 0, None, None))
    try:
        options = [f"--gpu-architecture={arch}", *_OPTIONS, *(f"--include-path={folder}" for folder in _headers())]
        encoded = [option.encode() for option in options]
        status = nvrtc.nvrtcCompileProgram(program, len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))
        if status:
            log = _text(nvrtc, program, "ProgramLog").decode(errors="replace")
            told = next((line for line in log.splitlines() if "error" in line), "no reason given")
            raise ToolchainError(f"NVRTC for {arch}: {told.strip()}", "update nvidia-cuda-nvrtc: " + INSTALL)
        return _text(nvrtc, program, "CUBIN")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def version() -> str | None:
    """Of the compiler; None without one."""
    try:
        nvrtc = _library()
    except ToolchainError:
        return None
    major, minor = ctypes.c_int(), ctypes.c_int()
    nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


@functools.cache
def _library() -> ctypes.CDLL:
    for path in _candidates():
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    raise ToolchainError("expected NVIDIA's runtime compiler NVRTC, got none", INSTALL)


def _candidates() -> Iterator[str]:
    """Where the library may be: in NVIDIA's packages, then wherever the system finds libraries."""
    for folder in packages():
        yield from map(str, sorted(folder.glob("*/lib/libnvrtc.so.*")))
    system = find_library("nvrtc")
    if system:
        yield system


def _headers() -> list[Path]:
    """Folders with the headers that TVM's sources include."""
    found = [path for folder in packages() for path in folder.glob("*/include")]
    return [*found, *(path / "cccl" for path in found if (path / "cccl").is_dir())]


def packages() -> list[Path]:
    """Folders of NVIDIA's packages."""
    package = importlib.util.find_spec("nvidia")
    return [Path(folder) for folder in package.submodule_search_locations or ()] if package else []


def _text(nvrtc: Any, program: ctypes.c_void_p, what: str) -> bytes:
    """What a program has to tell, by the name in NVRTC's functions."""
    size = ctypes.c_size_t()
    _check(nvrtc, getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    held = ctypes.create_string_buffer(size.value)
    _check(nvrtc, getattr(nvrtc, f"nvrtcGet{what}")(program, held))
    return held.raw


def _check(nvrtc: Any, status: int) -> None:
    if status:
        nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise ToolchainError(f"NVRTC: {nvrtc.nvrtcGetErrorString(status).decode()}", INSTALL)
