"""The same blocks priced by llvm-mca, where it is installed: a cross-check, never what an estimate is made of."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tvm_bnn.errors import ToolchainError
from tvm_bnn.estimation.core import Architecture, Core
from tvm_bnn.estimation.decode import decode
from tvm_bnn.estimation.pricing import cycles

_ITERATIONS = 100
_NEWEST, _OLDEST = 30, 13
_TRIPLES: dict[Architecture, str] = {"aarch64": "aarch64-linux-gnu", "x86-64": "x86_64-linux-gnu"}
_JUMP = re.compile(r"(j\w+|call) (0x[0-9a-f]+|\d+)")


@dataclass(frozen=True)
class CrossCheck:
    """Blocks priced twice.

    Attributes:
        ours: cycles by the core's table, of all executions of all blocks.
        mca: the same by llvm-mca.
        ratio: ours / mca.
        blocks: for each block its cycles in one execution by either, in the order given.
        version: what llvm-mca calls itself.
    """

    ours: float
    mca: float
    ratio: float
    blocks: tuple[tuple[float, float], ...]
    version: str


def find_mca() -> Path | None:
    """The newest llvm-mca whose name ends in a version, else the plain one; None where there is none."""
    names = [*(f"llvm-mca-{version}" for version in range(_NEWEST, _OLDEST - 1, -1)), "llvm-mca"]
    return next((Path(found) for found in map(shutil.which, names) if found), None)


@functools.lru_cache
def mca_version() -> str:
    """What llvm-mca calls itself, such as ``LLVM version 19.1.7``.

    Raises:
        ToolchainError: it is not installed.
    """
    told = subprocess.run([_required(), "--version"], capture_output=True, text=True, check=True).stdout
    return next((line.strip() for line in told.splitlines() if "version" in line), "unknown version")


def mca_cycles(code: bytes, core: Core) -> float:
    """Cycles of one execution of a block by llvm-mca.

    Raises:
        ToolchainError: it is not installed, or does not accept the block.
    """
    return _priced([code], core)[0]


def cross_check(blocks: Mapping[bytes, int], core: Core) -> CrossCheck:
    """Blocks priced twice, weighted by how often each is executed.

    Raises:
        ToolchainError: llvm-mca is not installed, or does not accept a block.
    """
    theirs = _priced(list(blocks), core)
    pairs = [(cycles(code, core), other) for code, other in zip(blocks, theirs, strict=True)]
    weighted = zip(pairs, blocks.values(), strict=True)
    totals = [(ours * times, mca * times) for (ours, mca), times in weighted]
    ours, mca = sum(pair[0] for pair in totals), sum(pair[1] for pair in totals)
    return CrossCheck(ours, mca, ours / mca if mca else 1.0, tuple(pairs), mca_version())


def _required() -> str:
    found = find_mca()
    if found is None:
        raise ToolchainError("expected llvm-mca for a cross-check, got none", "install the package llvm")
    return str(found)


def _priced(blocks: Sequence[bytes], core: Core) -> list[float]:
    """Cycles of each block in one execution; every block is a region of one file."""
    text = [".intel_syntax noprefix"] if core.architecture == "x86-64" else []
    for number, code in enumerate(blocks):
        text += _region(number, code, core.architecture)
    command = [_required(), f"-mtriple={_TRIPLES[core.architecture]}", f"-mcpu={core.llvm}"]
    command += [f"-iterations={_ITERATIONS}", "-instruction-info=false", "-resource-pressure=false"]
    ran = subprocess.run(command, input="\n".join(text) + "\n", capture_output=True, text=True, check=False)
    found = [int(total) / _ITERATIONS for total in re.findall(r"Total Cycles:\s+(\d+)", ran.stdout)]
    if ran.returncode or len(found) != len(blocks):
        told = next((line for line in ran.stderr.splitlines() if "error" in line), "no totals for some blocks")
        raise ToolchainError(f"llvm-mca does not accept the blocks: {told}", "try another version of it")
    return found


def _region(number: int, code: bytes, architecture: Architecture) -> list[str]:
    lines = [_JUMP.sub(rf"\1 .Lblock{number}", str(one)) for one in decode(code, architecture)]
    return [f".Lblock{number}:", f"# LLVM-MCA-BEGIN {number}", *lines, f"# LLVM-MCA-END {number}"]
