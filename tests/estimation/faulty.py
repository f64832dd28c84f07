"""Small functions for a board that do what kernels must not, and some that are as they should be."""

import functools
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tvm_bnn._tvm import build, llvm_call, some_lanes, te, tirx
from tvm_bnn.deploy.link import link
from tvm_bnn.estimation.machine import Machine
from tvm_bnn.targets import load

SIZE = 1000
Value = Callable[[Any, Any], Any]


def doubled(x: Any, i: Any) -> Any:
    return x[i] * 2


def first(x: Any, i: Any) -> Any:
    """Reads the first number only."""
    return x[0] + i


def beyond(x: Any, i: Any) -> Any:
    """Reads behind its input."""
    return x[i + SIZE] * 2


def copied_beyond(x: Any, i: Any) -> Any:
    """Reads behind its input, and the compiler makes a copy of it."""
    return x[i + SIZE]


def endless(x: Any, i: Any) -> Any:
    """Takes minutes."""
    k = te.reduce_axis((0, 10**7), "k")
    return te.sum(tirx.popcount(x[i] * k), k)


def unserved(x: Any, i: Any) -> Any:
    return tirx.call_extern("int32", "nobody", x[i])


def dotted(x: Any, i: Any) -> Any:
    """Uses dot products of bytes."""
    bytes_of = tirx.reinterpret("int8x16", tirx.Broadcast(x[i], 4))
    sums = llvm_call("int32x4", "llvm.aarch64.neon.sdot.v4i32.v16i8", tirx.const(0, "int32x4"), bytes_of, bytes_of)
    return some_lanes(sums, 0, 1)


@functools.cache
def library(value: Value, board: str = "rpi4", size: int = SIZE) -> bytes:
    """A kernel that writes ``value(x, i)`` for every i, x and the result int32 [size]."""
    target = load(board)
    x = te.placeholder((size,), "int32", "x")
    function = te.create_prim_func([x, te.compute((size,), lambda i: value(x, i), "y")])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.so"
        link(build(function, target.tvm_target(1)), path, target)
        return path.read_bytes()


def machine(value: Value, board: str = "rpi4") -> Machine:
    """With a processor of that board."""
    compiled_for = "rpi5" if value is dotted else board
    return Machine(library(value, compiled_for), "aarch64", load(board).requires)


def arguments(size: int = SIZE) -> list[np.ndarray[Any, Any]]:
    return [np.arange(size, dtype=np.int32), np.zeros(size, np.int32)]
