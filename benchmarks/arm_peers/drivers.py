"""Drivers: shared libraries of another engine's own convolutions, compiled as for a Raspberry Pi 4.

A driver includes the engine's headers from where they lie. What these include of other projects is little, and stands
in a header of ours (``*_environment.h``) that takes the place of all of them.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.arm_peers.sources import DABNN, LARQ, Source
from tvm_bnn.errors import ToolchainError

COMPILER = "aarch64-linux-gnu-g++"
FLAGS = ("-O3", "-mcpu=cortex-a72", "-std=c++17")

_HERE = Path(__file__).parent / "drivers"
_BARE = (
    *("-shared", "-fPIC", "-nostdlib", "-Wl,-Bsymbolic"),
    *("-fvisibility=hidden", "-fno-rtti", "-fno-gnu-unique", "-fno-threadsafe-statics", "-fno-stack-protector"),
)
"""There is no C library, and nothing but the drivers is called from outside."""

_DRIVERS = {LARQ.name: "larq", DABNN.name: "dabnn"}

_REPLACED = {
    "larq": (
        "flatbuffers/base.h",
        "ruy/kernel_common.h",
        "ruy/pack_common.h",
        "ruy/profiler/instrumentation.h",
        "tensorflow/lite/c/builtin_op_data.h",
        "tensorflow/lite/kernels/internal/common.h",
        "tensorflow/lite/kernels/internal/cppmath.h",
        "tensorflow/lite/kernels/internal/types.h",
        "tensorflow/lite/kernels/op_macros.h",
    ),
    # The streams would be set up before anything else runs.
    "dabnn": ("common/helper.h", "iostream"),
}
"""Headers that the environment stands for."""


def compile_drivers(found: Mapping[str, Source]) -> dict[str, bytes]:
    """The libraries by project.

    Raises:
        ToolchainError: no cross compiler, or it does not accept the sources.
    """
    return {name: _compiled(_DRIVERS[name], source.folder) for name, source in found.items()}


def compiler_version() -> str:
    """The first line of what the compiler says of itself."""
    told = subprocess.run([_required(), "--version"], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0]


def _required() -> str:
    found = shutil.which(COMPILER)
    if found is None:
        raise ToolchainError(f"expected {COMPILER}, got none", "install the package g++-aarch64-linux-gnu")
    return found


def _compiled(driver: str, sources: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tvm-bnn-") as folder:
        instead, library = Path(folder) / "instead", Path(folder) / "driver.so"
        for header in _REPLACED[driver]:
            place = instead / header
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f'#include "{driver}_environment.h"\n')
        includes = [f"-I{place}" for place in (instead, _HERE, sources)]
        command = [_required(), *FLAGS, *_BARE, *includes, str(_HERE / f"{driver}.cc"), "-o", str(library)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            told = next((line for line in ran.stderr.splitlines() if "error" in line), "the compiler failed")
            raise ToolchainError(
                f"compiling failed: {told}; command: {shlex.join(command)}", "try the commit named here"
            )
        return library.read_bytes()
