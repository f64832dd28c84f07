"""The sources of the other engines: a folder that has them, or a clone of the state that was looked at."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tvm_bnn.errors import ToolchainError, UsageError


@dataclass(frozen=True)
class Project:
    """An engine that is open source, at a commit."""

    name: str
    folder: str
    url: str
    commit: str


LARQ = Project(
    "Larq Compute Engine",
    "compute-engine",
    "https://github.com/larq/compute-engine",
    "e6860fcfda03a21eef157a181cc2351cef7a22bc",
)
DABNN = Project(
    "daBNN",
    "dabnn",
    "https://github.com/JDAI-CV/dabnn",
    "d93aa950788319d92ade545eb7fe7ac6f1589fd1",
)
PROJECTS = (LARQ, DABNN)


@dataclass(frozen=True)
class Source:
    """A project on this machine."""

    project: Project
    folder: Path
    commit: str


def sources(folder: Path | None, clones: Path) -> dict[str, Source]:
    """All projects by name.

    Args:
        folder: where clones of theirs lie side by side; None clones them.
        clones: where to.

    Raises:
        UsageError: ``folder`` lacks one.
        ToolchainError: a clone failed.
    """
    return {project.name: _found(project, folder) if folder else _cloned(project, clones) for project in PROJECTS}


def _found(project: Project, folder: Path) -> Source:
    place = folder / project.folder
    if not place.is_dir():
        raise UsageError(
            f"--sources: expected a clone of {project.url} at '{place}', got none", "clone it, or leave out --sources"
        )
    return Source(project, place, _commit(place))


def _cloned(project: Project, clones: Path) -> Source:
    place = clones / project.folder
    if not place.is_dir():
        _git("clone", "--quiet", "--filter=blob:none", "--no-checkout", project.url, str(place))
    _git("-C", str(place), "checkout", "--quiet", project.commit)
    return Source(project, place, project.commit)


def _commit(place: Path) -> str:
    told = subprocess.run(["git", "-C", place, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def _git(*arguments: str) -> None:
    ran = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        told = (ran.stderr.strip().splitlines() or ["git failed"])[-1]
        raise ToolchainError(f"git {arguments[0]} failed: {told}", "clone the projects by hand and pass --sources")
