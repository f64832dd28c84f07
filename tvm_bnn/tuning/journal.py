"""The journal of a work dir: one JSON line a finished trial, on disk before the next begins.

Killed at any byte, a journal loses at most the line being written. Lines carry a checksum, see
:mod:`tvm_bnn.tuning.lines`; on reading, a damaged one is set aside into ``journal.damaged`` and named, and everything
else stays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tvm_bnn.errors import UsageError
from tvm_bnn.files import keep_beside, write_atomic
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.lines import sealed, unsealed

Evidence = Literal["measured", "estimated"]
"""Wall-clock on the hardware itself, or a static model of it."""

FailureKind = Literal["build", "run", "timeout", "crash", "wrong", "memory"]
"""``memory``: it wrote to where it must not."""

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Trial(BaseModel):
    """One finished trial: a point of an operator's space and what came of it; times in seconds.

    ``board`` tells of the board that a remote trial ran on, and of its state before and after.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1, 2] = 2
    operator: str
    lowering: str
    space_version: int
    threads: int = Field(ge=1)
    evidence: Evidence = "measured"
    point: dict[str, Any]
    run_secs: list[Seconds] | None = Field(None, min_length=1)
    failure: FailureKind | None = None
    message: str = ""
    board: dict[str, Any] | None = None

    @field_validator("point")
    @classmethod
    def _readable(cls, point: dict[str, Any]) -> dict[str, Any]:
        return Point.from_dict(point).to_dict()

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if (self.run_secs is None) == (self.failure is None):
            raise ValueError("expected either run_secs or a failure")
        return self

    @property
    def task_key(self) -> tuple[str, str, int, int]:
        """Which task it belongs to."""
        return self.operator, self.lowering, self.space_version, self.threads


@dataclass(frozen=True)
class Opened:
    """What a journal held when it was opened."""

    trials: list[Trial]
    damaged: list[tuple[int, str]]


class Journal:
    """An append-only file of trials."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> Opened:
        """Read all trials; lines that are none are moved to ``journal.damaged``.

        Raises:
            UsageError: where it cannot be read, or a damaged line cannot be set aside.
        """
        if not self.path.exists():
            return Opened([], [])
        lines = self._read().split(b"\n")
        good, damaged = _sort_lines(lines)
        if damaged or (lines and lines[-1]):
            self._set_aside(good, damaged)
        return Opened([trial for _, trial in good], [(number, reason) for number, _, reason in damaged])

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}", "check rights, or use --fresh") from error

    def _set_aside(self, good: list[tuple[bytes, Trial]], damaged: list[tuple[int, bytes, str]]) -> None:
        if damaged:
            keep_beside(self.path, [line for _, line, _ in damaged])
        write_atomic(self.path, b"".join(line + b"\n" for line, _ in good))

    def append(self, trial: Trial) -> None:
        """Add one line and wait until it is on disk; where that fails, nothing is added.

        Raises:
            UsageError: where it cannot be written.
        """
        line = sealed(trial.model_dump(exclude_none=True))
        try:
            with self.path.open("ab", buffering=0) as file:
                before = file.tell()
                try:
                    _write_through(file, line.encode())
                except BaseException:
                    with suppress(OSError):
                        file.truncate(before)
                    raise
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}", "free space or check rights") from error


def _write_through(file: FileIO, data: bytes) -> None:
    """All of ``data``, of which a full disk may take a part before it refuses."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())


def parse_trial(line: bytes) -> Trial:
    """Read one line.

    Raises:
        ValueError: where it is no trial, or was changed; one line saying what is wrong.
    """
    try:
        return Trial.model_validate_json(unsealed(line))
    except ValidationError as error:
        raise ValueError(_reason(error.errors()[0])) from None


def _sort_lines(lines: list[bytes]) -> tuple[list[tuple[bytes, Trial]], list[tuple[int, bytes, str]]]:
    good: list[tuple[bytes, Trial]] = []
    damaged: list[tuple[int, bytes, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            good.append((line, parse_trial(line)))
        except ValueError as error:
            damaged.append((number, line, str(error)))
    return good, damaged


def _reason(error: Mapping[str, Any]) -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg']}" if place else str(error["msg"])
