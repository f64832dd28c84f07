import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import environment as module
from benchmarks.peers.environment import environment, pip_reason, read_requirements


def test_requirements_without_comments() -> None:
    assert read_requirements("# engines\n\na==1\n b==2 \n") == ["a==1", "b==2"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "WARNING: old\nERROR: first\nERROR: No matching distribution found for a==1\n",
            "No matching distribution found for a==1",
        ),
        ("killed", "killed"),
        ("", "pip failed"),
    ],
)
def test_the_reason_is_what_pip_said_last(output: str, reason: str) -> None:
    assert pip_reason(output) == reason


class FakePip:
    """Stands for the programs that are run: pip knows one package only."""

    def __init__(self) -> None:
        self.installs: list[list[str]] = []

    def __call__(self, command: list[Any], **_: Any) -> subprocess.CompletedProcess[str]:
        if "venv" in command:
            return subprocess.CompletedProcess(command, 0, "")
        if "-c" in command:
            return subprocess.CompletedProcess(command, 0, "a==1 other==5\n")
        wanted = [word for word in command if "==" in str(word)]
        self.installs.append(wanted)
        failed = "b==2" in wanted
        return subprocess.CompletedProcess(command, int(failed), "ERROR: no wheel for b\n" if failed else "")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> FakePip:
    fake = FakePip()
    monkeypatch.setattr(subprocess, "run", fake)
    return fake


def test_what_cannot_be_installed_is_absent_with_the_reason(tmp_path: Path, pip: FakePip) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("a==1\nb==2\n")
    built = environment(tmp_path / "venv", requirements)
    assert built.python == tmp_path / "venv" / "bin" / "python"
    assert (built.versions, built.absent) == ({"a": "1"}, {"b": "no wheel for b"})
    assert pip.installs == [["a==1", "b==2"], ["a==1"], ["b==2"]]


def test_it_is_built_once_until_the_requirements_change(tmp_path: Path, pip: FakePip) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("a==1\n")
    first = environment(tmp_path / "venv", requirements)
    assert environment(tmp_path / "venv", requirements) == first
    assert pip.installs == [["a==1"]]
    requirements.write_text("a==2\n")
    environment(tmp_path / "venv", requirements)
    assert pip.installs == [["a==1"], ["a==2"]]


def test_versions_are_those_of_another_python() -> None:
    listed = subprocess.run([sys.executable, "-c", module._LISTING], check=True, stdout=subprocess.PIPE, text=True)
    assert any(line.startswith("numpy==") for line in listed.stdout.split())
