"""What a work dir has sent out to be measured elsewhere: ``exports/<id>.json`` says what each candidate is."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import Target
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.offline import needs
from tvm_bnn.tuning.task import TrialKey
from tvm_bnn.tuning.workdir import WorkDir

_FOLDER = "exports"


class Batch(BaseModel):
    """Whose results a folder is for."""

    model_config = ConfigDict(extra="ignore")

    schema_version: Literal[1] = 1
    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    model: str
    target: str
    threads: int = Field(ge=1)
    versions: dict[str, str]


class Sent(BaseModel):
    """A candidate, as its trial will name it."""

    operator: str
    lowering: str
    space_version: int
    point: dict[str, Any]


class Export(Batch):
    """What a work dir keeps of a folder."""

    folder: str
    sent: dict[int, Sent]


def new_batch(model: str, target: Target, threads: int, versions: Mapping[str, str]) -> Batch:
    """A batch with an id of its own."""
    return Batch(id=secrets.token_hex(8), model=model, target=target.name, threads=threads, versions=dict(versions))


def described(batch: Batch, target: Target, timeout: float) -> dict[str, Any]:
    """The contents of ``batch.json``."""
    return {**batch.model_dump(), "needs": needs(target, batch.threads, batch.versions), "timeout": timeout}


def keep_export(work: WorkDir, export: Export) -> None:
    """Remember what was sent out."""
    write_atomic(path_of(work, export.id), export.model_dump_json(indent=1) + "\n")


def held_exports(work: WorkDir) -> list[Export]:
    """All exports of a work dir.

    Raises:
        UsageError: one of them cannot be read.
    """
    return [read_export(path) for path in sorted((work.path / _FOLDER).glob("*.json"))]


def awaited(exports: Iterable[Export], trials: Iterable[Trial]) -> dict[TrialKey, set[str]]:
    """Keys of the points whose results have not come back, by lowering."""
    back = {origin for trial in trials if (origin := origin_of(trial))}
    out: dict[TrialKey, set[str]] = {}
    for export in exports:
        for number, sent in export.sent.items():
            if (export.id, number) not in back:
                key = (sent.operator, sent.lowering, sent.space_version, export.threads)
                out.setdefault(key, set()).add(Point.from_dict(sent.point).key)
    return out


def origin_of(trial: Trial) -> tuple[str, int] | None:
    """The export and the number that a trial was measured by."""
    board = trial.board or {}
    return (str(board["export"]), int(board["number"])) if "export" in board else None


def read_export(path: Path) -> Export:
    """One of a work dir's exports.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return Export.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"cannot read what '{path}' says of an export", "delete it if those results are not wanted any more"
        ) from error


def path_of(work: WorkDir, name: str) -> Path:
    """Where an export is kept, by its id."""
    return work.path / _FOLDER / f"{name}.json"
