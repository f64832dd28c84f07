import subprocess
from pathlib import Path

import pytest

from benchmarks.arm_peers import sources as module
from benchmarks.arm_peers.sources import DABNN, LARQ, PROJECTS, Project, sources
from tvm_bnn.errors import ToolchainError, UsageError


def _repository(folder: Path) -> str:
    folder.mkdir(parents=True)
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "a"], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return told.stdout.strip()


def test_clones_that_are_there_are_taken_with_their_commits(tmp_path: Path) -> None:
    commits = {project.name: _repository(tmp_path / project.folder) for project in PROJECTS}
    found = sources(tmp_path, tmp_path / "clones")
    assert {name: source.commit for name, source in found.items()} == commits
    assert found[LARQ.name].folder == tmp_path / "compute-engine"


def test_a_clone_that_is_not_there_is_named(tmp_path: Path) -> None:
    _repository(tmp_path / LARQ.folder)
    with pytest.raises(UsageError, match=f"expected a clone of {DABNN.url}"):
        sources(tmp_path, tmp_path)


def test_a_project_is_cloned_at_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = _repository(tmp_path / "there")
    monkeypatch.setattr(module, "PROJECTS", (Project("a", "here", (tmp_path / "there").as_uri(), commit),))
    for _ in range(2):
        found = sources(None, tmp_path / "clones")
        assert found["a"].commit == commit
        assert (found["a"].folder / ".git").is_dir()


def test_a_clone_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROJECTS", (Project("a", "here", (tmp_path / "none").as_uri(), "0" * 40),))
    with pytest.raises(ToolchainError, match="git clone failed: "):
        sources(None, tmp_path / "clones")
