"""What a bundle needs to run with nothing but the C and C++ libraries: TVM's runtime, and the C interface to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tvm_bnn.deploy.gpu import CUDA_LIBRARY
from tvm_bnn.deploy.manifest import NATIVE, RUNTIME
from tvm_bnn.deploy.packages import Package
from tvm_bnn.errors import UsageError

SOURCES = Path(__file__).resolve().parent / NATIVE
"""The C interface as it travels with this package."""

FFI_LIBRARY, RUNTIME_LIBRARY, EXTRA_LIBRARY = "libtvm_ffi.so", "libtvm_runtime.so", "libtvm_runtime_extra.so"
_EXTRA_FUNCTIONS = b"tvm.contrib."
_PLACES = {
    FFI_LIBRARY: ("apache-tvm-ffi", "tvm_ffi/lib"),
    RUNTIME_LIBRARY: ("apache-tvm", "tvm/lib"),
    EXTRA_LIBRARY: ("apache-tvm", "tvm/lib"),
    CUDA_LIBRARY: ("apache-tvm", "tvm/lib"),
}
_HEADERS = ("tvm/ffi/c_api.h", "dlpack/dlpack.h")


def libraries_for(library: bytes, *, gpu: bool) -> tuple[str, ...]:
    """The runtime libraries that a compiled network needs, in the order of loading.

    Sorting and scanning are functions of TVM's own that live in a library apart; their names tell.

    Args:
        library: the compiled network.
        gpu: whether it runs on an NVIDIA GPU.
    """
    extra = (EXTRA_LIBRARY,) if _EXTRA_FUNCTIONS in library else ()
    return (FFI_LIBRARY, RUNTIME_LIBRARY, *extra, *((CUDA_LIBRARY,) if gpu else ()))


def runtime_files(libraries: Sequence[str], packages: Mapping[str, Package]) -> dict[str, bytes]:
    """Files by their names in the bundle: libraries, their licences, the C interface and what it includes.

    Args:
        libraries: of TVM's runtime.
        packages: that hold them, for the bundle's instruction set.

    Raises:
        UsageError: a package lacks one of the files.
    """
    files = {f"{RUNTIME}/{name}": _read(packages, *_PLACES[name], name) for name in libraries}
    files |= _licences(packages)
    files |= {f"{NATIVE}/{path.relative_to(SOURCES).as_posix()}": path.read_bytes() for path in native_sources()}
    files |= {f"{NATIVE}/{name}": _read(packages, "apache-tvm-ffi", "tvm_ffi/include", name) for name in _HEADERS}
    return dict(sorted(files.items()))


def native_sources() -> list[Path]:
    """The files of the C interface, sorted."""
    return sorted(path for path in SOURCES.rglob("*") if path.suffix in (".h", ".cc", ".txt"))


def _licences(packages: Mapping[str, Package]) -> dict[str, bytes]:
    return {
        f"{RUNTIME}/{package}-{name.rpartition('/')[2]}": files.read(name)
        for package, files in packages.items()
        for name in files.names()
        if ".dist-info/licenses/" in name and not name.endswith("/")
    }


def _read(packages: Mapping[str, Package], package: str, folder: str, name: str) -> bytes:
    try:
        return packages[package].read(f"{folder}/{name}")
    except KeyError as error:
        raise UsageError(f"expected {folder}/{name} in {package}, got none", "fetch the wheel again") from error
