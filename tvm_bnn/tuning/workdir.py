"""The work dir of a tuning run: who may use it, and whose records it holds.

``workdir.json`` says which target and which version it belongs to; ``lock`` keeps a second tuner out;
``journal.jsonl`` holds the trials, ``records/measured.jsonl`` the winners.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.targets import Target

SCHEMA_VERSION = 1

_LOCK, _BEFORE = "lock", "before-"


@dataclass(frozen=True)
class WorkDir:
    """Paths inside a work dir."""

    path: Path

    @property
    def journal(self) -> Path:
        """One line a finished trial."""
        return self.path / "journal.jsonl"

    @property
    def records(self) -> Path:
        """Folder of the records files."""
        return self.path / "records"

    @property
    def identity(self) -> Path:
        """Whose work dir it is."""
        return self.path / "workdir.json"


@contextmanager
def open_workdir(path: Path, target: Target, versions: dict[str, str], *, fresh: bool) -> Iterator[WorkDir]:
    """Lock a work dir for this target, making it if needed; with ``fresh`` what it held is moved aside.

    Raises:
        UsageError: in use by another tuner, not writable, or made for another target or version.
    """
    work = WorkDir(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"expected a writable work dir, got '{path}': {error.strerror}", "name another with --work-dir"
        ) from error
    try:
        _lock(lock, path)
        if fresh:
            _move_aside(work)
        _identify(work, target, versions)
        yield work
    finally:
        os.close(lock)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise UsageError(
            f"work dir '{path}' is in use by another tuning run", "wait for it, or name another with --work-dir"
        ) from error


def _move_aside(work: WorkDir) -> None:
    """Number what is there out of the way, what earlier runs set aside excepted; nothing is deleted."""
    kept = [p for p in work.path.iterdir() if p.name != _LOCK and not p.name.startswith(_BEFORE)]
    if not kept:
        return
    number = next(n for n in range(1, 10**6) if not (work.path / f"{_BEFORE}{n}").exists())
    aside = work.path / f"{_BEFORE}{number}"
    try:
        aside.mkdir()
        for path in kept:
            path.rename(aside / path.name)
    except OSError as error:
        raise UsageError(
            f"cannot move what '{work.path}' holds aside: {error.strerror}", "name another with --work-dir"
        ) from error


def _identify(work: WorkDir, target: Target, versions: dict[str, str]) -> None:
    mine = {"schema_version": SCHEMA_VERSION, "target": target.name, "versions": versions}
    if work.identity.exists():
        _compare(work, _read_identity(work), mine)
    write_atomic(work.identity, json.dumps(mine, indent=2, sort_keys=True) + "\n")


def _read_identity(work: WorkDir) -> dict[str, Any]:
    try:
        held = json.loads(work.identity.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read '{work.identity}': {error}", "start over with --fresh") from error
    if not isinstance(held, dict):
        raise UsageError(f"'{work.identity}' does not describe a work dir", "start over with --fresh")
    return held


def _compare(work: WorkDir, held: dict[str, Any], mine: dict[str, Any]) -> None:
    for key in ("schema_version", "target", "versions"):
        if held.get(key) != mine[key]:
            found, wanted = _told(key, held.get(key)), _told(key, mine[key])
            raise UsageError(
                f"work dir '{work.path}' holds records of {found}, expected {wanted}",
                "name another with --work-dir, or start over with --fresh (what is there is moved aside)",
            )


def _told(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return f"{key.replace('_', ' ')} {value}"
