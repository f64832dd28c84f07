import sys
from pathlib import Path

import pytest

from tvm_bnn.deploy.archive import _tools
from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets import load, resolve_host

RPI4 = load("rpi4")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, and there are no others."""
    monkeypatch.setitem(sys.modules, "ziglang", None)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_what_is_missing_is_named(tools: Path) -> None:
    with pytest.raises(ToolchainError, match=r"expected a C\+\+ compiler to link with"):
        _tools(resolve_host())
    with pytest.raises(ToolchainError, match="expected a linker for aarch64-linux-gnu, got neither ziglang nor"):
        _tools(RPI4)
    program(tools, "g++")
    program(tools, "aarch64-linux-gnu-g++")
    with pytest.raises(ToolchainError, match="expected ar to make a static library with, got none"):
        _tools(resolve_host())
    with pytest.raises(ToolchainError, match="expected aarch64-linux-gnu-ar to make"):
        _tools(RPI4)


def test_tools_of_the_other_machine_are_taken_across(tools: Path) -> None:
    compiler, archiver = (program(tools, f"aarch64-linux-gnu-{name}") for name in ("g++", "ar"))
    found = _tools(RPI4)
    assert (found.compile, found.archive) == ((compiler,), (archiver,))
    assert found.join[:2] == (compiler, "-r")
