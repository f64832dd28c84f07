"""What SECURITY.md promises of the source, and of files that a run reads and writes."""

from __future__ import annotations

import ast
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tvm_bnn
from tvm_bnn.files import write_atomic

ROOT = Path(tvm_bnn.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))

CODE_IN_FILES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
"""Modules whose files can hold code."""

FORBIDDEN = {"eval", "exec", "compile", "os.system", "os.popen", "torch.load", "torch.save", "tempfile.mktemp"}
"""Calls that run text, load code from files, or name a temporary file that somebody else may make first."""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call by the dotted name that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def option(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == name), None)


def is_forbidden(name: str, call: ast.Call) -> bool:
    if name in ("np.load", "np.save", "numpy.load", "numpy.save"):
        return option(call, "allow_pickle") != "False"
    if name.startswith("subprocess.") and call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr):
        # A text would be split or handed to a shell; a list reaches the program as it is.
        return True
    return name in FORBIDDEN or option(call, "shell") is not None


def complaints(text: str) -> list[str]:
    """What of a source is not allowed."""
    tree = ast.parse(text)
    found = [f"import {name}" for name in CODE_IN_FILES & set(imported(tree))]
    found += [f"line {call.lineno}: {name}" for name, call in calls(tree) if is_forbidden(name, call)]
    return found


def test_no_source_loads_code_or_starts_a_shell() -> None:
    assert len(SOURCES) > 100
    found = {str(path.relative_to(ROOT)): complaints(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert not {path: lines for path, lines in found.items() if lines}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from marshal import loads",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(f'ls {path}')",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
        "torch.load(path)",
        "eval(text)",
    ],
)
def test_what_would_be_found(text: str) -> None:
    assert complaints(text)


FLOW = """
import json, sys
found = []
def hook(event, arguments):
    if event == "pickle.find_class":
        found.append([str(argument) for argument in arguments])
sys.addaudithook(hook)
from tvm_bnn.cli.app import main
model, picture = "tests.tiny:network", sys.argv[1]
codes = [
    main(["tune", model, "--target", "cpu", "--trials", "4", "--work-dir", "work", "--threads", "1"]),
    main(["compile", model, "--target", "cpu", "--work-dir", "work", "--threads", "1", "-o", "bundle"]),
    main(["run", "bundle", picture, "-o", "overlay.png"]),
]
print(json.dumps({"codes": codes, "found": found}))
"""


def test_no_run_unpickles(tmp_path: Path, photograph: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    ran = subprocess.run(
        [sys.executable, "-c", FLOW, str(photograph)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == {"codes": [0, 0, 0], "found": []}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    # The first bytes of a pickle of any protocol since 2.
    assert not [path for path in written if path.read_bytes()[:1] == b"\x80"]


def test_a_file_in_the_making_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    def replace(aside: Path, place: Path) -> None:
        modes.append(stat.S_IMODE(Path(aside).stat().st_mode))
        Path(aside).rename(place)

    monkeypatch.setattr(os, "replace", replace)
    write_atomic(tmp_path / "file", b"content")
    assert modes
    assert not modes[0] & 0o022
