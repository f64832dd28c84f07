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

STRIP = "-Wl,--strip-debug"
"""What debuggers need is a fifth of a library, and nobody debugs generated loops."""
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
    zig, compiler = ziglang(), shutil.which(f"{triple}-g++")
    if zig:
        return [zig, "ld.lld", "-shared", STRIP.removeprefix("-Wl,")]
    return [compiler, "-shared", "-nostdlib", STRIP] if compiler else None


def ziglang() -> str | None:
    """The program of the package ``ziglang``, which compiles and links for any target; None without it."""
    # The program itself starts within 20 ms, `python -m ziglang` within 50.
    package = importlib.util.find_spec("ziglang")
    program = Path(package.origin).with_name("zig") if package and package.origin else None
    return str(program) if program and os.access(program, os.X_OK) else None


def no_compiler() -> ToolchainError:
    """What is wrong where :func:`cxx_compiler` finds none."""
    wanted = os.environ.get("CXX") or ", ".join(_COMPILERS)
    return ToolchainError(f"expected a C++ compiler to link with, got none of: {wanted}", INSTALL_COMPILER)


def no_linker(triple: str) -> ToolchainError:
    """What is wrong where there is neither a cross linker nor a cross compiler."""
    return ToolchainError(
        f"expected a linker for {triple}, got neither ziglang nor {triple}-g++", install_linker(triple)
    )


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
        raise no_compiler()
    try:
        executable.export_library(str(path), cc=compiler, options=[STRIP])
    except RuntimeError as error:
        report, _, command = str(error).partition("Command line: ")
        raise _failed(report, command.strip()) from error


def _link_across(executable: Any, path: Path, triple: str) -> None:
    linker = cross_linker(triple)
    if linker is None:
        raise no_linker(triple)

    def run(output: str, objects: Sequence[str]) -> None:
        run_tool([*linker, "-o", output, *objects])

    executable.export_library(str(path), fcompile=run)


def run_tool(command: Sequence[str], folder: Path | None = None) -> None:
    """Run a compiler, a linker or their like, in a folder where one is named.

    Raises:
        ToolchainError: it failed; with its command.
    """
    ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ran.returncode:
        raise _failed(ran.stdout, shlex.join(command))


def _failed(report: str, command: str) -> ToolchainError:
    """An error with the linker's first complaint and its command."""
    lines = [line for line in report.splitlines() if line.strip() and not line.startswith("Compilation error")]
    told = lines[0] if lines else "the linker failed"
    return ToolchainError(f"linking failed: {told}; command: {command or 'unknown'}", _BY_HAND)
