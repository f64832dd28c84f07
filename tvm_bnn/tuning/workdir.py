"""The work dir of a tuning run: who may use it, and whose records it holds.

``workdir.json`` says which target and which version it belongs to; ``lock`` keeps a second tuner out;
``journal.jsonl`` holds the trials, ``records/measured.jsonl`` the winners.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.folders import BEFORE, LOCK, Purpose, lock_folder, move_aside
from tvm_bnn.targets import Target

SCHEMA_VERSION = 1

_PURPOSE = Purpose("work dir", "tuning run", "--work-dir")


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
    with lock_folder(path, _PURPOSE):
        if fresh:
            move_aside(path, _held(path), _PURPOSE)
        _identify(work, target, versions)
        yield work


def _held(path: Path) -> list[Path]:
    """What is there, what earlier runs set aside excepted."""
    return [entry for entry in path.iterdir() if entry.name != LOCK and not entry.name.startswith(BEFORE)]


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
