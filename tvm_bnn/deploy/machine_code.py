"""The machine code of a bundle for GPUs: compiled with the bundle, handed to TVM when the bundle is loaded.

TVM's library holds the CUDA C of the kernels and asks for their machine code when the first of them is called. A
bundle answers that with what was compiled beforehand, so that no compiler is needed where it runs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tvm_bnn.deploy.nvrtc import compile_cuda
from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets import Target

FOLDER = "kernels"
_CALLBACK = "tvm_callback_cuda_compile"


def machine_code(sources: list[str], target: Target) -> dict[str, bytes]:
    """Files of a bundle by name: one cubin for every CUDA source, called after it; none for a CPU.

    Raises:
        ToolchainError: NVIDIA's compiler is missing or refuses a source.
    """
    if target.cuda is None:
        return {}
    return {f"{FOLDER}/{_name(source)}": compile_cuda(source, target.cuda.arch) for source in sources}


def offer(folder: Path, tvm_ffi: Any) -> None:
    """Let TVM find the machine code of a bundle that is about to be loaded.

    Args:
        folder: of the bundle.
        tvm_ffi: the loaded package.
    """

    def answer(source: Any, *_: Any) -> bytes:
        path = folder / FOLDER / _name(str(source))
        try:
            return path.read_bytes()
        except OSError as error:
            raise ToolchainError(f"bundle '{folder}': expected machine code in {path.name}, got none") from error

    tvm_ffi.register_global_func(_CALLBACK, answer, override=True)


def serve_compiler(arch: str, tvm_ffi: Any) -> None:
    """Let TVM have machine code made by :func:`compile_cuda`: where its part for GPUs is loaded, it asks at once.

    Args:
        arch: of everything that is compiled from now on.
        tvm_ffi: the loaded package.
    """

    def answer(source: Any, *_: Any) -> bytes:
        return compile_cuda(str(source), arch)

    tvm_ffi.register_global_func(_CALLBACK, answer, override=True)


def _name(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:16] + ".cubin"
