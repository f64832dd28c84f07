"""Counts what a processor executes: a kernel is run one instruction at a time, under ``ptrace``.

Works on x86-64 Linux with objdump, for any instructions that the processor has. A step takes some 50 microseconds, so
kernels have to be small.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tvm_bnn._tvm import build
from tvm_bnn.deploy.link import cxx_compiler
from tvm_bnn.ops import Operator
from tvm_bnn.targets import Target
from tvm_bnn.tuning.inputs import sample_inputs
from tvm_bnn.tuning.plan import Choice

_SINGLE_STEP, _PEEK_USER, _CONTINUE = 9, 3, 7
_TRACE: Any = ctypes.CDLL(None, use_errno=True).ptrace
_TRACE.restype, _TRACE.argtypes = ctypes.c_long, [ctypes.c_long] * 4
_INSTRUCTION_POINTER = 16 * 8
"""Place of the register in ``struct user``."""

_LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
_VECTOR = re.compile(r"%([xyz])mm")
_VECTOR_BYTES = {"x": 16, "y": 32, "z": 64}


@dataclass(frozen=True)
class Executed:
    """How often every instruction was executed, by its mnemonic and the bytes of its vectors (0 for scalar ones)."""

    instructions: Counter[tuple[str, int]]

    def bytes(self, *mnemonics: str) -> int:
        """Bytes of all vectors that these instructions yielded."""
        return sum(times * size for (name, size), times in self.instructions.items() if name in mnemonics)

    def times(self, *mnemonics: str) -> int:
        """Executions of these instructions, whatever their size."""
        return sum(times for (name, _), times in self.instructions.items() if name in mnemonics)


def unavailable() -> str | None:
    """Why nothing can be counted here, or None."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "instructions are counted on x86-64 Linux only"
    if shutil.which("objdump") is None or cxx_compiler() is None:
        return "there is no objdump or no compiler to link kernels"
    return None


def executed(kernels: Sequence[tuple[Operator, Choice]], target: Target, folder: Path) -> list[Executed] | None:
    """Instructions of one call of every kernel on one core; None where tracing is refused."""
    paths = [_linked(folder / f"kernel{place}.so", *kernel, target) for place, kernel in enumerate(kernels)]
    script = str(Path(__file__).with_name("stepped.py"))
    process = subprocess.Popen([sys.executable, script, *map(str, paths)], env=_environment())
    try:
        counted = []
        for path in paths:
            addresses = _steps(process.pid)
            if addresses is None:
                return None
            counted.append(_named(path, _start(process.pid, path), addresses))
            _ptrace(_CONTINUE, process.pid)
        return counted
    finally:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    """With this source tree on the path."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def _linked(path: Path, operator: Operator, choice: Choice, target: Target) -> Path:
    library = build(choice.scheduled(operator, target, 1), target.tvm_target(1))
    library.export_library(str(path), cc=cxx_compiler())
    inputs = choice.row.lowering.pack_inputs(operator, target, sample_inputs(operator, 0))
    arrays = [*inputs, *(np.zeros(spec.shape, spec.dtype) for spec in operator.outputs())]
    np.savez(path.with_suffix(".npz"), *arrays)
    return path


def _ptrace(request: int, pid: int, address: int = 0) -> int:
    return int(_TRACE(request, pid, address, 0))


def _steps(pid: int) -> Counter[int] | None:
    """Addresses of the instructions between two stops, which begin and end a kernel; the process stays stopped."""
    if not os.WIFSTOPPED(os.waitpid(pid, 0)[1]):
        return None
    met: Counter[int] = Counter()
    while True:
        _ptrace(_SINGLE_STEP, pid)
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSTOPPED(status):
            return None
        if os.WSTOPSIG(status) == signal.SIGSTOP:
            return met
        met[_ptrace(_PEEK_USER, pid, _INSTRUCTION_POINTER)] += 1


def _start(pid: int, path: Path) -> int:
    """Where the library lies in the process."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith(str(path)):
            return int(line.partition("-")[0], 16)
    raise LookupError(path)


def _named(path: Path, start: int, addresses: Counter[int]) -> Executed:
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(path)], capture_output=True, text=True, check=True
    ).stdout
    names = {
        int(found[1], 16): (found[2], _vector_bytes(found[3]))
        for found in map(_LINE.match, listing.splitlines())
        if found
    }
    met: Counter[tuple[str, int]] = Counter()
    for address, times in addresses.items():
        if address - start in names:
            met[names[address - start]] += times
    return Executed(met)


def _vector_bytes(operands: str) -> int:
    found = _VECTOR.findall(operands)
    return max((_VECTOR_BYTES[letter] for letter in found), default=0)
