"""TVM's runtime without TVM's compiler: what running a bundle needs, in a tenth of the time and a third of the memory.

The package ``tvm`` always loads its compiler, a library of 260 MB. The runtime's libraries alone, under the package
``tvm_ffi``, run a compiled network as well; they come with ``apache-tvm`` or lie in the bundle.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tvm_bnn.amx import require_permission
from tvm_bnn.deploy.gpu import CUDA_LIBRARY, load_cuda
from tvm_bnn.errors import ToolchainError
from tvm_bnn.threads import offer_all_cores

_FFI_LIBRARY = "libtvm_ffi.so"
_CPU, _FIRST, _POOLED = 1, 0, 2
"""Arguments of the virtual machine: kind and number of the device, and an allocator that keeps memory for reuse."""

_importing = threading.Lock()


def ffi() -> Any:
    """The package ``tvm_ffi``, loaded without torch where nothing has needed torch yet.

    It loads torch, if there is one, only to get ahead of a clash of symbols on Windows. Running a compiled network has
    no use for it, and it is most of the time that a program takes to start.

    Raises:
        ToolchainError: it is not installed.
    """
    offer_all_cores()
    with _importing:
        block = "torch" not in sys.modules and "tvm_ffi" not in sys.modules
        if block:
            sys.modules["torch"] = None  # type: ignore[assignment]
        try:
            import tvm_ffi
        except ImportError as error:
            raise ToolchainError(
                "expected the package apache-tvm-ffi, got none", "pip install apache-tvm-ffi"
            ) from error
        finally:
            if block:
                del sys.modules["torch"]
    return tvm_ffi


def load_runtime(libraries: Sequence[str], brought: Path | None, versions: Mapping[str, str]) -> Any:
    """TVM's runtime libraries, once per process; the package ``tvm_ffi`` that talks to them.

    Those of an installed TVM go first: that TVM may be imported later, and two copies in one process crash.

    Args:
        libraries: their names, in the order of loading.
        brought: the folder in the bundle that has them, None without one.
        versions: of TVM and its FFI that the bundle was made with; another one may crash on it.

    Raises:
        ToolchainError: they are nowhere, or of another version.
    """
    tvm_ffi = ffi()
    _check_version("apache-tvm-ffi", versions.get("tvm-ffi"))
    if sys.modules.get("tvm") is not None:
        _check_version("apache-tvm", versions.get("tvm"))
        if CUDA_LIBRARY in libraries:
            load_installed_cuda()
        return tvm_ffi
    folder = _installed() or brought
    if folder is None:
        wanted = f"apache-tvm=={versions.get('tvm')}"
        raise ToolchainError(
            "expected TVM's runtime in the bundle or installed, got neither",
            f"pip install {wanted}, or compile with --with-runtime",
        )
    if folder != brought:
        _check_version("apache-tvm", versions.get("tvm"))
    for name in libraries:
        if name == CUDA_LIBRARY:
            load_cuda(folder, tvm_ffi)
        elif name != _FFI_LIBRARY:
            _load(folder / name)
    return tvm_ffi


def load_installed_cuda() -> None:
    """The part for NVIDIA GPUs of the installed TVM, which has been imported.

    Raises:
        ToolchainError: it cannot be loaded.
    """
    folder = _installed()
    assert folder is not None
    load_cuda(folder, ffi())


class Network:
    """The function ``main`` of a loaded library: a picture as a tensor in, the result out.

    Threads may call it at the same time: a virtual machine serves one call at a time, so each call takes one of its
    own, and the machines are kept. The weights are there once.

    Args:
        library: as ``tvm_ffi.load_module`` gives it.
        tiles: whether its code uses AMX tiles; the permission is then asked for.

    Raises:
        ToolchainError: this host refuses tiles.
    """

    def __init__(self, library: Any, *, tiles: bool) -> None:
        if tiles:
            require_permission()
        self._library = library
        self._idle: deque[Callable[[Any], Any]] = deque([self._machine()])

    def __call__(self, picture: Any) -> Any:
        """Run the network."""
        try:
            main = self._idle.pop()
        except IndexError:
            main = self._machine()
        result = main(picture)
        # A machine whose call failed is in no known state and is not kept.
        self._idle.append(main)
        return result

    def _machine(self) -> Callable[[Any], Any]:
        machine = self._library["vm_load_executable"]()
        machine["vm_initialization"](_CPU, _FIRST, _POOLED)
        main: Callable[[Any], Any] = machine["main"]
        return main


def _installed() -> Path | None:
    """The folder of an installed TVM's libraries; the package is found and not imported."""
    found = importlib.util.find_spec("tvm")
    return Path(found.origin).with_name("lib") if found and found.origin else None


def _load(path: Path) -> None:
    try:
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise ToolchainError(f"cannot load {path.name}: {error}", "install apache-tvm again") from error


def _check_version(package: str, wanted: str | None) -> None:
    found = importlib.metadata.version(package)
    if wanted != found:
        raise ToolchainError(
            f"bundle for {package} {wanted}, got {found}", f"pip install {package}=={wanted}, or compile it again"
        )
