"""Tiles without the hardware: the instructions as calls of C functions that do what Intel's manual says."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tvm_bnn._tvm import dtype_cast, tirx
from tvm_bnn.lowering.amx import Tiles

SOURCE = Path(__file__).with_name("emulated_tiles.c")


@functools.cache
def library() -> ctypes.CDLL:
    """The functions, compiled and known to all code of this process; skips the test where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("tiles are emulated in C, and there is no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "tiles.so"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", built, SOURCE], check=True)
        loaded = ctypes.CDLL(str(built), mode=ctypes.RTLD_GLOBAL)
    loaded.emulated_fault.restype = ctypes.c_char_p
    loaded.emulated_multiplications.restype = ctypes.c_long
    return loaded


class EmulatedTiles(Tiles):
    name = "emulated"

    def configure(self, address: Any) -> Any:
        return _call("configure", address)

    def zero(self, tile: int) -> Any:
        return _call("zero", tile)

    def load(self, tile: int, address: Any, stride: Any) -> Any:
        return _call("load", tile, address, dtype_cast("int64", stride))

    def multiply(self, total: int, left: int, right: int) -> Any:
        return _call("multiply", total, left, right)

    def store(self, tile: int, address: Any, stride: Any) -> Any:
        return _call("store", tile, address, dtype_cast("int64", stride))

    def release(self) -> Any:
        return _call("release")


def _call(name: str, *arguments: Any) -> Any:
    return tirx.call_extern("int32", f"emulated_{name}", *arguments)
