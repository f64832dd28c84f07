"""TVM's own part for NVIDIA GPUs, run without one: the libraries of NVIDIA below it are made here."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tvm_bnn.deploy.link import cxx_compiler

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_FOLDER = "FAKE_CUDA_FOLDER"
_RUNTIME, _DRIVER = "libcudart.so.13", "libcuda.so.1"
_EMULATION = HERE.parent / "lowering" / "emulated_cuda.h"
_KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\([^)]*\) )?(\w+)\(([^)]*)\)')


def make(folder: Path) -> Path:
    """The two libraries in a folder."""
    compiler = cxx_compiler()
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    versions, library = folder / "versions", folder / _RUNTIME
    versions.write_text(f"{_RUNTIME} {{ global: *; }};")
    options = ["-shared", "-fPIC", "-O1", "-std=c++17", f"-Wl,--version-script={versions},-soname,{_RUNTIME}"]
    subprocess.run([compiler, *options, str(HERE / "cuda.cc"), "-o", str(library), "-ldl"], check=True)
    (folder / _DRIVER).symlink_to(library)
    return folder


def output_of(script: str, folder: Path, **settings: str) -> str:
    """What a script prints in a process that has these libraries; its CUDA C is compiled for this CPU."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), _FOLDER: str(folder), **settings}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"from tests import fake_cuda\nfake_cuda.compile_here()\n{script}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert not ran.returncode, ran.stderr
    return ran.stdout.strip()


def compile_here() -> None:
    """From now on the machine code of a CUDA source is the path of a library for this CPU."""
    from tvm_bnn.deploy import machine_code

    vars(machine_code)["compile_cuda"] = compiled


def count(name: str) -> int:
    """How often something happened in this process."""
    library = _library()
    library.fake_cuda_count.argtypes = [ctypes.c_char_p]
    return int(library.fake_cuda_count(name.encode()))


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(_RUNTIME)


def compiled(source: str, arch: str, folder: Path | None = None) -> bytes:
    """Kernels for this CPU: the path of their library, as a text that ends with 0."""
    name = hashlib.sha256((source + arch).encode()).hexdigest()[:16]
    place = Path(os.environ[_FOLDER]) if folder is None else folder
    library = place / f"{name}.so"
    if not library.exists():
        text = place / f"{name}.cc"
        text.write_text(_translation(source))
        options = ["-O1", "-w", "-shared", "-fPIC", "-fwrapv"]
        subprocess.run([cxx_compiler() or "c++", *options, str(text), "-o", str(library)], check=True)
    return str(library).encode() + b"\0"


def _translation(source: str) -> str:
    """The source with a function for each kernel that launches it."""
    helpers, _, rest = source.partition("#ifdef __CUDACC_RTC__")
    body = re.sub(r"__shared__ (alignas\(\d+\))", r"\1 __shared__", helpers + rest[rest.index('extern "C"') :])
    # A kernel is declared before it is defined.
    kernels = dict(_KERNEL.findall(source))
    return "\n".join([f'#include "{_EMULATION}"', body, *(_launcher(*kernel) for kernel in kernels.items())])


def _launcher(name: str, parameters: str) -> str:
    types = [part.strip().rsplit("*", 1)[0] + "*" for part in parameters.split(",")]
    passed = ", ".join(f"({kind})held_{name}[{i}]" for i, kind in enumerate(types))
    return f"""
static void* held_{name}[{len(types)}];
static void thread_{name}() {{ {name}({passed}); }}
extern "C" int arguments_{name} = {len(types)};
extern "C" void launch_{name}(void** given, const unsigned* s) {{
  for (int i = 0; i < {len(types)}; ++i) held_{name}[i] = *(void**)given[i];
  run_grid({{(int)s[0], (int)s[1], (int)s[2]}}, {{(int)s[3], (int)s[4], (int)s[5]}}, thread_{name});
}}
"""
