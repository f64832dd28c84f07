"""The measuring process: compares a kernel with what is expected of it, and times it."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .machine import cores, smi

_POISONS = (0x55, 0xAA)
"""What the bytes of the outputs hold before a kernel is checked; by two patterns no byte stays unwritten unseen."""


_ALLOWED = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset[int]()
"""Cores that this process may run on, before any of it is tied to some of them."""


def serve(pipe: Connection, folder: Path, kind: str, device: int) -> None:
    """Say what TVM finds here, then measure what is asked for, until the other end of the pipe is closed."""
    _end_with_parent()
    # Ctrl-C reaches this process too; whoever asks ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # TVM would load torch, if there is one, and has no use for it here.
    sys.modules["torch"] = None  # type: ignore[assignment]
    # The pool takes half of the logical cores unless it is told a number; nvidia-smi counts GPUs by their place.
    os.environ.setdefault("TVM_NUM_THREADS", str(cores()))
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    try:
        if kind == "cuda":
            _load_cuda_runtime()
        pipe.send(_found(kind, device))
    except Exception as error:
        pipe.send({"error": _last_line(error)})
        return
    while True:
        try:
            candidate, repeat, limit = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(measure(folder, candidate, device, repeat, limit))
        except Exception as error:
            pipe.send({"failure": "run", "message": _last_line(error)})


def _end_with_parent() -> None:
    """Have Linux end this process when its parent is gone: a kernel that hangs would never notice."""
    set_parent_death_signal = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _load_cuda_runtime() -> None:
    """TVM's part for GPUs needs NVIDIA's runtime library, which also comes as a package that no linker looks into."""
    package = importlib.util.find_spec("nvidia")
    folders = package.submodule_search_locations or () if package else ()
    for path in (path for folder in folders for path in sorted(Path(folder).glob("*/lib/libcudart.so.*"))):
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)


def _found(kind: str, device: int) -> dict[str, Any]:
    import tvm

    versions = {"tvm": "apache-tvm", "tvm_ffi": "apache-tvm-ffi"}
    found: dict[str, Any] = {name: importlib.metadata.version(package) for name, package in versions.items()}
    gpu = tvm.cuda(device) if kind == "cuda" else None
    if gpu is None or not gpu.exist:
        return {**found, "gpu": None}
    driver = smi(device, "driver_version")
    told = {"name": str(gpu.device_name), "compute_capability": str(gpu.compute_version)}
    return {**found, "gpu": {**told, "driver": driver[0] if driver else "unknown"}}


def measure(
    folder: Path, candidate: Mapping[str, Any], number: int, repeat: int, limit: float | None
) -> dict[str, Any]:
    """Compare one candidate with what is expected, time it, and compare again.

    Args:
        folder: that was exported.
        candidate: a line of ``candidates.jsonl``.
        number: of the GPU.
        repeat: how many mean times are wanted.
        limit: seconds; one that is slower in its first two times is not timed any further.

    Returns:
        ``run_secs`` in seconds, or a ``failure`` and its ``message``.
    """
    import tvm

    device = _ready(folder, candidate, number)
    module = tvm.runtime.load_module(str(folder / candidate["library"]))
    expected = _arrays(folder, candidate["expected"])
    outputs = [tvm.runtime.empty(array.shape, str(array.dtype), device) for array in expected]
    given = _arrays(folder, candidate["inputs"])
    inputs = [tvm.runtime.tensor(array, device) for array in given]
    tensors = [*inputs, *outputs]
    for poison in _POISONS:
        _poisoned(outputs, expected, poison)
        module["main"](*tensors)
        device.sync()
        wrong = _difference(expected, outputs)
        if wrong:
            return {"failure": "wrong", "message": wrong}
    seconds = _times(module, device, tensors, repeat, candidate["min_repeat_ms"], limit)
    wrong = _difference(expected, outputs)
    if wrong:
        return {"failure": "wrong", "message": f"after timing: {wrong}"}
    if _difference(given, inputs):
        return {"failure": "memory", "message": "it changed its inputs"}
    if not all(0 < value < math.inf for value in seconds):
        return {"failure": "run", "message": f"expected times, got {seconds}"}
    return {"run_secs": seconds}


def _ready(folder: Path, candidate: Mapping[str, Any], number: int) -> Any:
    """The device, prepared for a candidate."""
    import tvm

    if candidate["device"] == "cuda":
        tvm.register_global_func("tvm_callback_cuda_compile", _machine_code_in(folder), override=True)
        return tvm.cuda(number)
    _on_threads(tvm, candidate["threads"])
    if candidate["tiles"]:
        _ask_for_tiles()
    return tvm.cpu()


def _arrays(folder: Path, names: list[str]) -> list[Any]:
    import numpy as np

    return [np.load(folder / name, allow_pickle=False) for name in names]


def _poisoned(outputs: list[Any], expected: list[Any], poison: int) -> None:
    """Fill every byte of the outputs."""
    import numpy as np

    for output, array in zip(outputs, expected, strict=True):
        output.copyfrom(np.full(array.nbytes, poison, np.uint8).view(array.dtype).reshape(array.shape))


def _times(
    module: Any, device: Any, tensors: list[Any], repeat: int, least_ms: int, limit: float | None
) -> list[float]:
    """Mean times of one run in seconds, by events of the device; a second look before a candidate is given up."""

    def repeats(number: int) -> list[float]:
        evaluator = module.time_evaluator("main", device, number=1, repeat=number, min_repeat_ms=least_ms)
        return [float(seconds) for seconds in evaluator(*tensors).results]

    if limit is None or repeat <= 2:
        return repeats(repeat)
    first = repeats(2)
    return first if min(first) > limit else first + repeats(repeat - 2)


def _difference(expected: list[Any], tensors: list[Any]) -> str:
    """Where tensors differ from what is expected, or nothing."""
    for i, (tensor, array) in enumerate(zip(tensors, expected, strict=True)):
        wrong = int((tensor.numpy() != array).sum())
        if wrong:
            return f"output {i}: {wrong} of {array.size} elements differ"
    return ""


def _machine_code_in(folder: Path) -> Callable[..., bytes]:
    """What gives TVM the machine code of a CUDA source, which was compiled beforehand."""

    def answer(source: Any, *_: Any) -> bytes:
        name = hashlib.sha256(str(source).encode()).hexdigest()[:16]
        return (folder / "kernels" / f"{name}.cubin").read_bytes()

    return answer


def _on_threads(tvm: Any, threads: int) -> None:
    """Run kernels on so many threads; the caller keeps off the cores to which TVM ties its workers."""
    any_core = 1
    tvm.get_global_func("runtime.config_threadpool")(any_core, threads)
    tasks = Path("/proc/self/task")
    if threads == 1 or not tasks.is_dir():
        return
    taken = set[int]()
    for task in tasks.iterdir():
        try:
            tied = os.sched_getaffinity(int(task.name))
        except OSError:
            # It ended meanwhile.
            continue
        taken |= tied if len(tied) == 1 and int(task.name) != os.getpid() else set()
    os.sched_setaffinity(0, _ALLOWED - taken or _ALLOWED)


def _ask_for_tiles() -> None:
    """Linux gives the tiles of AMX only to processes that ask; see its Documentation/arch/x86/xstate.rst."""
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18
    numbers = (ctypes.c_long(number) for number in (arch_prctl, request_permission, tile_data))
    if ctypes.CDLL(None).syscall(*numbers):
        raise OSError("this kernel or CPU refuses AMX tiles")


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1][:500]
