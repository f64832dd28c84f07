"""Measuring without a connection: candidates go out as one folder with a script, its results come back.

The folder is self-contained: what TVM's runtime and NumPy need to load, check and time every candidate, and nothing of
this package. So it can be carried to a machine on which nobody may install or compile anything.

::

    <folder>/measure.py           run it there; it goes on where it was interrupted
    <folder>/measuring/           what it consists of
    <folder>/batch.json           which export it is, and the machine that it is for
    <folder>/candidates.jsonl     one candidate a line
    <folder>/<number>.so          the compiled candidate
    <folder>/kernels/*.cubin      machine code for a GPU
    <folder>/arrays/*.npy         inputs as candidates take them, expected outputs; named by their contents
    <folder>/results.jsonl        what the script found
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import numpy as np

from tvm_bnn._tvm import cuda_sources
from tvm_bnn.deploy.link import link
from tvm_bnn.deploy.machine_code import machine_code
from tvm_bnn.deploy.nvrtc import INSTALL, version
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import Target, host_architecture, load, logical_cores
from tvm_bnn.tuning.measuring import work
from tvm_bnn.tuning.process import Process
from tvm_bnn.tuning.runner import Result, answer
from tvm_bnn.tuning.worker import Request, build_point, failed, problem_of, row_of

SCRIPT = "measure.py"
_MODULES = Path(work.__file__).parent


def needs(target: Target, threads: int, versions: Mapping[str, str]) -> dict[str, Any]:
    """The machine that candidates are for, see :func:`tvm_bnn.tuning.measuring.machine.unfit`."""
    number = target.cuda.number if target.cuda else 0
    return {
        "target": target.name,
        "device": target.kind,
        "architecture": target.architecture or host_architecture(),
        "features": sorted(target.requires),
        "parts": sorted(target.parts),
        "compute_capability": f"{number // 10}.{number % 10}" if number else None,
        "threads": threads,
        "versions": {"tvm": versions["tvm"], "tvm_ffi": versions["tvm-ffi"]},
    }


def make_folder(folder: Path) -> None:
    """Make the folder of an export.

    Raises:
        UsageError: it holds something, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        raise UsageError(f"--export: cannot make '{folder}': {error.strerror}", "name another folder") from error
    if not empty:
        raise UsageError(f"--export: expected a new folder, got one that is not empty at '{folder}'", "name another")


def finish(folder: Path, batch: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]) -> None:
    """Write what the folder needs besides the candidates; ``batch.json`` last, without it nothing can be measured."""
    for module in sorted(_MODULES.glob("*.py")):
        write_atomic(folder / _MODULES.name / module.name, module.read_bytes())
    write_atomic(folder / SCRIPT, Path(__file__).with_name("offline_script.py").read_bytes())
    write_atomic(folder / work.CANDIDATES, "".join(json.dumps(line, sort_keys=True) + "\n" for line in candidates))
    write_atomic(folder / work.BATCH, json.dumps(batch, indent=2, sort_keys=True) + "\n")


class Builders:
    """Processes that build candidates into a folder, one for each core.

    Args:
        folder: of the export.
        timeout: seconds that building one may take.
        log: receives what the processes print.
    """

    def __init__(self, folder: Path, timeout: float, log: IO[bytes]) -> None:
        self._folder, self._timeout = folder, timeout
        self._processes = [Process(log) for _ in range(logical_cores())]
        self._idle: SimpleQueue[Process] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(len(self._processes))

    def build_many(self, requests: Iterable[Request]) -> Generator[Result, None, None]:
        """``{"candidate": line}`` or a failure of each, in order.

        Raises:
            ToolchainError: candidates cannot be linked.
        """
        for found in self._threads.map(lambda numbered: self._build(*numbered), enumerate(requests)):
            if "toolchain" in found:
                raise ToolchainError(found["toolchain"], found["hint"])
            yield found

    def _build(self, number: int, request: Request) -> Result:
        process = self._idle.get()
        try:
            return answer(process, functools.partial(pack, str(self._folder), number), request, self._timeout)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.end()
        self._threads.shutdown(cancel_futures=True)


@contextmanager
def builders(folder: Path, target: Target, timeout: float, log: Path) -> Iterator[Builders]:
    """What builds, until the context ends.

    Raises:
        ToolchainError: the target is a GPU, and its compiler is missing.
    """
    if target.cuda is not None and version() is None:
        raise ToolchainError("expected NVIDIA's runtime compiler NVRTC, got none", INSTALL)
    with log.open("ab") as file:
        found = Builders(folder, timeout, file)
        try:
            yield found
        finally:
            found.close()


def pack(folder: str, number: int, request: Mapping[str, Any]) -> Result:
    """Build a point into a folder, in a process of its own.

    Returns:
        ``{"candidate": line}`` with what the script is to know of it, a failure, or ``{"toolchain": ..., "hint": ...}``
        where no candidate could be linked.
    """
    wanted, place = Request(**request), Path(folder)
    target, library = load(wanted.target), f"{number:05d}.so"
    try:
        point = Point.from_dict(wanted.point).key
        kernel = build_point(wanted.operator, wanted.target, wanted.threads, wanted.lowering, point)
        for name, content in machine_code(cuda_sources(kernel.mod), target).items():
            write_atomic(place / name, content)
    except Exception as error:
        return failed("build", error)
    try:
        link(kernel, place / library, target)
    except ToolchainError as error:
        return {"toolchain": error.message, "hint": error.hint}
    inputs, expected = _written_problem(folder, wanted.operator, wanted.target, wanted.lowering, wanted.seed)
    row = row_of(wanted.operator, wanted.target, wanted.lowering)
    return {
        "candidate": {
            "number": number,
            "library": library,
            "inputs": inputs,
            "expected": expected,
            "device": target.kind,
            "threads": wanted.threads,
            "tiles": row.lowering.tiles,
            "lowering": wanted.lowering,
            "repeat": wanted.repeat,
            "min_repeat_ms": wanted.min_repeat_ms,
        }
    }


@functools.lru_cache(maxsize=4)
def _written_problem(folder: str, signature: str, target: str, lowering: str, seed: int) -> tuple[list[str], list[str]]:
    """Names of the inputs, packed for a lowering, and of the outputs that are expected; as many are kept as compete."""
    problem, row = problem_of(signature, seed), row_of(signature, target, lowering)
    inputs = row.lowering.pack_inputs(problem.operator, load(target), problem.arrays)
    place = Path(folder)
    return [_written(place, array) for array in inputs], [_written(place, array) for array in problem.expected]


def _written(folder: Path, array: Array) -> str:
    """The name of an array's file; equal arrays of several lowerings are one file."""
    held = BytesIO()
    np.save(held, array, allow_pickle=False)
    name = f"arrays/{hashlib.sha256(held.getvalue()).hexdigest()[:16]}.npy"
    if not (folder / name).exists():
        write_atomic(folder / name, held.getvalue())
    return name
