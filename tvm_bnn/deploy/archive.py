"""From an executable to a static library: one member, so that whoever needs a part of it gets all of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tvm_bnn.deploy.link import STRIP, cxx_compiler, no_compiler, no_linker, run_tool, ziglang
from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets.model import Target

_SOURCE, _OBJECT, _MEMBER, _LIBRARY = "description.cc", "description.o", "network.o", "library.a"


@dataclass(frozen=True)
class _Tools:
    """Commands up to what they work on: a C++ file to an object, objects to one, objects to an archive."""

    compile: tuple[str, ...]
    join: tuple[str, ...]
    archive: tuple[str, ...]


def archive(executable: Any, source: str, includes: Sequence[Path], target: Target) -> bytes:
    """An executable and a C++ source as a static library; the same ones give the same bytes.

    Functions of compiled code make themselves known before the program's ``main``, and nothing refers to them. A linker
    leaves out members to which nothing refers, hence the one member, which has what ``source`` defines as well.

    Args:
        executable: what TVM compiled, with a prefix for its functions.
        source: C++.
        includes: folders of its headers.
        target: what it was compiled for, this host's instruction set or another.

    Raises:
        ToolchainError: a tool is missing, or it failed; with its command.
    """
    tools = _tools(target)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / _SOURCE).write_text(source, encoding="utf-8")
        options = [f"-I{include}" for include in includes]
        # In the folder itself, as compilers write down the names that they are given.
        run_tool([*tools.compile, "-c", "-fPIC", "-g0", *options, "-o", _OBJECT, _SOURCE], folder)

        def join(output: str, objects: Sequence[str]) -> None:
            run_tool([*tools.join, "-o", output, *objects, str(folder / _OBJECT)])

        executable.export_library(str(folder / _MEMBER), fcompile=join)
        run_tool([*tools.archive, "rcsD", str(folder / _LIBRARY), str(folder / _MEMBER)])
        return (folder / _LIBRARY).read_bytes()


def _tools(target: Target) -> _Tools:
    triple = target.llvm.triple if target.is_cross() else None
    if triple is None:
        compiler = cxx_compiler()
        if compiler is None:
            raise no_compiler()
        return _gnu(compiler, "ar")
    zig, compiler = ziglang(), shutil.which(f"{triple}-g++")
    if zig:
        return _Tools((zig, "c++", "-target", triple), (zig, "ld.lld", "-r"), (zig, "ar"))
    if compiler is None:
        raise no_linker(triple)
    return _gnu(compiler, f"{triple}-ar")


def _gnu(compiler: str, archiver: str) -> _Tools:
    found = shutil.which(archiver)
    if found is None:
        raise ToolchainError(f"expected {archiver} to make a static library with, got none", "install binutils")
    return _Tools((compiler,), (compiler, "-r", "-nostdlib", STRIP), (found,))
