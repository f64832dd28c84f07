"""What kernels for GPUs are compiled to: their instructions, and what a thread and a block of them need."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lowering import emulated_cuda
from tvm_bnn.deploy import nvrtc
from tvm_bnn.lowering.registry import Row
from tvm_bnn.spaces.base import Point, Setting

STATIC_SHARED = 48 * 1024
"""Bytes of shared memory that every kernel may have."""


@dataclass(frozen=True)
class Kernel:
    """One kernel: its instructions without their operands, registers of a thread, bytes on its stack, shared bytes."""

    name: str
    instructions: tuple[str, ...]
    registers: int
    stack: int
    shared: int

    def spills(self) -> bool:
        """Whether a thread keeps anything in memory of its own."""
        return self.stack > 0 or any(name.startswith(("LDL", "STL")) for name in self.instructions)


def kernels(row: Row, setting: Setting, point: Point) -> list[Kernel]:
    """The kernels of a lowering at a point."""
    operator, target = setting.operator, setting.target
    function = row.space.scheduled(row.lowering.function(operator, target), setting, point)
    assert target.cuda
    return disassembled(nvrtc.compile_cuda(emulated_cuda.program(function, target).source, target.cuda.arch))


def disassembled(cubin: bytes) -> list[Kernel]:
    """The kernels in machine code."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(cubin)
        code, usage = _told("nvdisasm", "-c", path), _told("cuobjdump", "--dump-resource-usage", path)
    listed = re.split(r"^\.text\.(\w+):$", code, flags=re.MULTILINE)[1:]
    bodies = dict(zip(listed[::2], listed[1::2], strict=True))
    found = re.findall(r"Function (\w+):\s+REG:(\d+) STACK:(\d+) SHARED:(\d+)", usage)
    return [Kernel(name, _instructions(bodies[name]), *map(int, numbers)) for name, *numbers in found]


def require() -> None:
    """Skip the test where NVIDIA's compiler or its disassemblers are not installed."""
    if nvrtc.version() is None:
        pytest.skip("needs nvidia-cuda-nvrtc")
    _program("nvdisasm")
    _program("cuobjdump")


def _instructions(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?([A-Z0-9_.]+)", text, re.MULTILINE))


def _told(name: str, *arguments: str | Path) -> str:
    return subprocess.run([_program(name), *arguments], capture_output=True, text=True, check=True).stdout


def _program(name: str) -> str:
    """One of NVIDIA's programs, of its package or on the path."""
    found = [str(path) for folder in nvrtc.packages() for path in folder.glob(f"*/bin/{name}")]
    program = next(iter(found), shutil.which(name))
    if program is None:
        pytest.skip(f"needs nvidia-cuda-{name}")
    return program
