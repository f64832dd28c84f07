from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import tvm
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from tvm import te

from tvm_bnn.deploy.link import cross_linker, cxx_compiler, link
from tvm_bnn.errors import ToolchainError
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.targets import load
from tvm_bnn.tuning.plan import default_choice

RPI4 = load("rpi4")
TRIPLE = "aarch64-linux-gnu"


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
        link(tiny_compiled.executable, tmp_path / "model.so", tiny_compiled.target)
    assert "install a C++ compiler" in str(caught.value.hint)


def test_the_command_is_shown_when_linking_fails(
    tiny_compiled: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", compiler(tmp_path / "c++", 'echo "ld: cannot find -lmissing" >&2; exit 1'))
    with pytest.raises(ToolchainError, match=r"ld: cannot find -lmissing; command: .*/c\+\+ -shared .*model\.so"):
        link(tiny_compiled.executable, tmp_path / "model.so", tiny_compiled.target)


def test_a_linker_that_says_nothing(tiny_compiled: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(ToolchainError, match=r"the linker failed; command: .*false"):
        link(tiny_compiled.executable, tmp_path / "model.so", tiny_compiled.target)


@pytest.fixture(scope="module")
def kernel() -> Any:
    """A loop over bits and an exponential, compiled for rpi4."""
    bits = te.placeholder((64,), "int32", "bits")
    real = te.placeholder((64,), "float32", "real")
    counts = te.compute((64,), lambda i: te.popcount(bits[i]), "counts")
    powers = te.compute((64,), lambda i: te.exp(real[i]), "powers")
    function = te.create_prim_func([bits, real, counts, powers]).with_attr("global_symbol", "main")
    return tvm.compile(tvm.ir.IRModule({"main": function}), target=tvm.target.Target(RPI4.tvm_target(1)))


@pytest.fixture(scope="module")
def tiny_cross(tiny_model: LoadedModel) -> Compiled:
    """A network of four operators, compiled for rpi4."""
    shape = (1, *tiny_model.input_size, 3)
    return compile_network(tiny_model.network, shape, RPI4, 4, lambda operator: default_choice(operator, RPI4, 4))


LINKERS = ["ziglang", f"{TRIPLE}-g++"]


@pytest.fixture(params=LINKERS)
def linker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One of the two that can link across, as the only one."""
    name = str(request.param)
    if name == "ziglang":
        monkeypatch.setenv("PATH", "")
        if cross_linker(TRIPLE) is None:
            pytest.skip("no ziglang in this environment")
        return name
    if shutil.which(name) is None:
        pytest.skip(f"no {name} on this machine")
    hide_ziglang(monkeypatch)
    return name


def hide_ziglang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ziglang", None)


def exchanged(path: Path) -> tuple[set[str], set[str]]:
    """What a library offers and what it lacks."""
    with path.open("rb") as file:
        image = ELFFile(file)
        assert (image["e_machine"], image["e_type"]) == ("EM_AARCH64", "ET_DYN")
        table, dynamic = (image.get_section_by_name(name) for name in (".dynsym", ".dynamic"))
        assert isinstance(table, SymbolTableSection)
        assert isinstance(dynamic, DynamicSection)
        symbols = list(table.iter_symbols())
        needed = [tag for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"]
    assert needed == []
    lacking = {symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name}
    return {symbol.name for symbol in symbols} - lacking - {""}, lacking


def foreign(lacking: Iterable[str]) -> list[str]:
    """Those that the process on the board has neither from TVM nor from the C library."""
    return [name for name in lacking if not name.startswith("TVM") and name not in ("memset", "memcpy", "expf")]


def test_a_kernel_for_a_board(kernel: Any, linker: str, tmp_path: Path) -> None:
    link(kernel, tmp_path / "a.so", RPI4)
    offered, lacking = exchanged(tmp_path / "a.so")
    assert "__tvm_ffi_main" in offered
    assert foreign(lacking) == []
    link(kernel, tmp_path / "b.so", RPI4)
    assert (tmp_path / "a.so").read_bytes() == (tmp_path / "b.so").read_bytes()


def test_a_module_links_like_its_executable(kernel: Any, tmp_path: Path) -> None:
    link(kernel, tmp_path / "a.so", RPI4)
    link(kernel.mod, tmp_path / "b.so", RPI4)
    assert (tmp_path / "a.so").read_bytes() == (tmp_path / "b.so").read_bytes()


def test_a_network_for_a_board(tiny_cross: Compiled, linker: str, tmp_path: Path) -> None:
    link(tiny_cross.executable, tmp_path / "a.so", tiny_cross.target)
    offered, lacking = exchanged(tmp_path / "a.so")
    assert any(name.startswith("__tvm_ffi_") for name in offered)
    assert foreign(lacking) == []
    link(tiny_cross.executable, tmp_path / "b.so", tiny_cross.target)
    assert (tmp_path / "a.so").read_bytes() == (tmp_path / "b.so").read_bytes()


def test_ziglang_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = compiler(tmp_path / f"{TRIPLE}-g++", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    package = tmp_path / "ziglang"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "ziglang", raising=False)
    # Half an installation is none.
    assert cross_linker(TRIPLE) == [own, "-shared", "-nostdlib", "-Wl,--strip-debug"]
    zig = compiler(package / "zig", "exit 0")
    assert cross_linker(TRIPLE) == [zig, "ld.lld", "-shared", "--strip-debug"]


def test_no_cross_linker_names_both(kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_ziglang(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = f"expected a linker for {TRIPLE}, got neither ziglang nor {TRIPLE}-g[+][+]"
    with pytest.raises(ToolchainError, match=wanted) as caught:
        link(kernel, tmp_path / "a.so", RPI4)
    assert "pip install ziglang" in str(caught.value.hint)
    assert f"g++-{TRIPLE}" in str(caught.value.hint)


def test_the_command_is_shown_when_linking_across_fails(
    kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_ziglang(monkeypatch)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    compiler(tmp_path / f"{TRIPLE}-g++", 'echo "ld: no such thing" >&2; exit 1')
    command = rf".*{TRIPLE}-g[+][+] -shared -nostdlib -Wl,--strip-debug -o .*a\.so .*\.o$"
    told = f"linking failed: ld: no such thing; command: {command}"
    with pytest.raises(ToolchainError, match=told) as caught:
        link(kernel, tmp_path / "a.so", RPI4)
    assert "\n" not in caught.value.message
