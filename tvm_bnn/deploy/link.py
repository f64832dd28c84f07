"""From an executable to a shared library."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tvm_bnn.errors import ToolchainError

_COMPILERS = ("g++", "clang++", "c++")
INSTALL_COMPILER = "install a C++ compiler, such as the package g++, or set CXX to one"


def cxx_compiler() -> str | None:
    """The C++ compiler that links: CXX if it is set, else the first on the path; None if there is none."""
    named = os.environ.get("CXX")
    found = map(shutil.which, [named] if named else _COMPILERS)
    return next((path for path in found if path), None)


def link(executable: Any, path: Path) -> None:
    """Write an executable as a shared library; the same executable gives the same bytes.

    Raises:
        ToolchainError: no compiler, or it failed; with its command.
    """
    compiler = cxx_compiler()
    if compiler is None:
        wanted = os.environ.get("CXX") or ", ".join(_COMPILERS)
        raise ToolchainError(f"expected a C++ compiler to link with, got none of: {wanted}", INSTALL_COMPILER)
    try:
        executable.export_library(str(path), cc=compiler)
    except RuntimeError as error:
        raise ToolchainError(f"linking failed: {_told(str(error))}", "run the command by hand to see more") from error


def _told(message: str) -> str:
    """The linker's first complaint and its command, from TVM's report of both."""
    report, _, command = message.partition("Command line: ")
    lines = [line for line in report.splitlines() if line.strip() and not line.startswith("Compilation error")]
    return f"{lines[0] if lines else 'the linker failed'}; command: {command.strip() or 'unknown'}"
