"""From an executable to a shared library."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets.model import Target

# What debuggers need is a fifth of a library, and nobody debugs generated loops.
_STRIP = "-Wl,--strip-debug"
_COMPILERS = ("g++", "clang++", "c++")
INSTALL_COMPILER = "install a C++ compiler, such as the package g++, or set CXX to one"
_BY_HAND = "run the command by hand to see more"


def cxx_compiler() -> str | None:
    """The C++ compiler that links: CXX if it is set, else the first on the path; None if there is none."""
    named = os.environ.get("CXX")
    found = map(shutil.which, [named] if named else _COMPILERS)
    return next((path for path in found if path), None)


def cross_linker(triple: str) -> list[str] | None:
    """The command that links objects for another instruction set, up to its options; None if there is none.

    Compiled code needs nothing but what the process that loads it has: TVM's functions and the C library. So neither
    of the two is given libraries or start-up files of that system: a linker is enough, and any will do.
    """
    # The program itself starts within 20 ms, `python -m ziglang` within 50.
    package = importlib.util.find_spec("ziglang")
    zig = Path(package.origin).with_name("zig") if package and package.origin else None
    if zig and os.access(zig, os.X_OK):
        return [str(zig), "ld.lld", "-shared", _STRIP.removeprefix("-Wl,")]
    compiler = shutil.which(f"{triple}-g++")
    return [compiler, "-shared", "-nostdlib", _STRIP] if compiler else None


def install_linker(triple: str) -> str:
    """What to do without a cross linker."""
    return f"pip install ziglang, or install a cross compiler, such as the package g++-{triple}"


def link(executable: Any, path: Path, target: Target) -> None:
    """Write an executable or a module as a shared library; the same one gives the same bytes.

    Args:
        executable: what TVM compiled.
        path: the library.
        target: what it was compiled for, this host's instruction set or another.

    Raises:
        ToolchainError: no linker, or it failed; with its command.
    """
    if target.is_cross() and target.llvm.triple:
        _link_across(executable, path, target.llvm.triple)
    else:
        _link_here(executable, path)


def _link_here(executable: Any, path: Path) -> None:
    compiler = cxx_compiler()
    if compiler is None:
        wanted = os.environ.get("CXX") or ", ".join(_COMPILERS)
        raise ToolchainError(f"expected a C++ compiler to link with, got none of: {wanted}", INSTALL_COMPILER)
    try:
        executable.export_library(str(path), cc=compiler, options=[_STRIP])
    except RuntimeError as error:
        report, _, command = str(error).partition("Command line: ")
        raise _failed(report, command.strip()) from error


def _link_across(executable: Any, path: Path, triple: str) -> None:
    linker = cross_linker(triple)
    if linker is None:
        raise ToolchainError(
            f"expected a linker for {triple}, got neither ziglang nor {triple}-g++", install_linker(triple)
        )

    def run(output: str, objects: Sequence[str]) -> None:
        command = [*linker, "-o", output, *objects]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ran.returncode:
            raise _failed(ran.stdout, shlex.join(command))

    executable.export_library(str(path), fcompile=run)


def _failed(report: str, command: str) -> ToolchainError:
    """An error with the linker's first complaint and its command."""
    lines = [line for line in report.splitlines() if line.strip() and not line.startswith("Compilation error")]
    told = lines[0] if lines else "the linker failed"
    return ToolchainError(f"linking failed: {told}; command: {command or 'unknown'}", _BY_HAND)
