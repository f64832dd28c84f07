import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.arm_peers import drivers
from benchmarks.arm_peers.drivers import COMPILER, compile_drivers
from benchmarks.arm_peers.engines import ENGINES, Engine
from benchmarks.arm_peers.prices import run_peer
from benchmarks.arm_peers.problems import Layer, problem_of
from benchmarks.arm_peers.sources import DABNN, LARQ, PROJECTS, Source
from tvm_bnn.errors import ToolchainError
from tvm_bnn.estimation.machine import Machine

CLONES = Path("build") / "arm-peers"

needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"needs {COMPILER}")

_DRIVER = """
#include "call.h"
#include "odd_environment.h"

DRIVER(copy) {
  memset(arguments[1].data<char>(), 7, 5);
  memmove(arguments[1].data<char>() + 2, arguments[1].data<char>(), 3);
  memcpy(arguments[1].data<char>() + 5, arguments[0].data<char>(), 11);
  return 0;
}
"""


@needs_compiler
def test_the_functions_of_a_driver_do_what_the_c_library_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.cc").write_text(_DRIVER)
    (tmp_path / "odd_environment.h").write_text("#pragma once\n")
    shutil.copy(Path(drivers.__file__).parent / "drivers" / "call.h", tmp_path)
    monkeypatch.setattr(drivers, "_HERE", tmp_path)
    monkeypatch.setattr(drivers, "_DRIVERS", {"odd": "odd"})
    monkeypatch.setattr(drivers, "_REPLACED", {"odd": ("other/header.h",)})
    libraries = compile_drivers({"odd": Source(LARQ, tmp_path, "")})
    given, got = np.arange(11, dtype=np.uint8), np.zeros(16, np.uint8)
    Machine(libraries["odd"], "aarch64").run("copy", [given, got])
    assert got.tolist() == [7] * 5 + list(range(11))


@needs_compiler
def test_sources_that_do_not_compile_are_one_line_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=rf"compiling failed: .*dabnn.*; command: .*{re.escape(COMPILER)}"):
        compile_drivers({DABNN.name: Source(DABNN, tmp_path, "")})


def test_a_compiler_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ToolchainError, match=re.escape(f"expected {COMPILER}, got none")):
        compile_drivers({LARQ.name: Source(LARQ, tmp_path, "")})


@needs_compiler
@pytest.mark.skipif(not CLONES.is_dir(), reason="needs the clones of `python -m benchmarks.arm_peers`")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.symbol)
def test_engines_give_what_the_reference_gives(engine: Engine) -> None:
    (project,) = (project for project in PROJECTS if project.name == engine.project)
    libraries = compile_drivers({project.name: Source(project, CLONES / project.folder, "")})
    assert run_peer(engine, libraries[project.name], problem_of(Layer(6, 128), 1)).whole
