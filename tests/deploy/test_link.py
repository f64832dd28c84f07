from pathlib import Path

import pytest

from tvm_bnn.deploy.link import cxx_compiler, link
from tvm_bnn.errors import ToolchainError
from tvm_bnn.graph.phases import Compiled


def compiler(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_cxx_wins_over_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cxx_compiler() is None
    usual = compiler(tmp_path / "clang++", "exit 0")
    assert cxx_compiler() == usual
    own = compiler(tmp_path / "own", "exit 0")
    monkeypatch.setenv("CXX", own)
    assert cxx_compiler() == own
    monkeypatch.setenv("CXX", "nowhere")
    assert cxx_compiler() is None


def test_no_compiler(tiny_compiled: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "nowhere")
    with pytest.raises(ToolchainError, match=r"expected a C\+\+ compiler to link with, got none of: nowhere") as caught:
        link(tiny_compiled.executable, tmp_path / "model.so")
    assert "install a C++ compiler" in str(caught.value.hint)


def test_the_command_is_shown_when_linking_fails(
    tiny_compiled: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", compiler(tmp_path / "c++", 'echo "ld: cannot find -lmissing" >&2; exit 1'))
    with pytest.raises(ToolchainError, match=r"ld: cannot find -lmissing; command: .*/c\+\+ -shared .*model\.so"):
        link(tiny_compiled.executable, tmp_path / "model.so")


def test_a_linker_that_says_nothing(tiny_compiled: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(ToolchainError, match=r"the linker failed; command: .*false"):
        link(tiny_compiled.executable, tmp_path / "model.so")
