"""Records: measured or estimated points, one JSON line each, and the book they are looked up in.

Lines carry a checksum (:mod:`tvm_bnn.tuning.lines`), those that are older excepted.

A record is keyed by (target, evidence, operator signature, lowering, space version). Measured beats estimated; among
equals the faster wins. A record of another space version than today's is stale: named, never used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tvm_bnn.errors import UsageError
from tvm_bnn.files import keep_beside, write_atomic
from tvm_bnn.lowering.registry import CUDA_ROWS, ROWS, rows_for
from tvm_bnn.ops import Operator, operator_from_dict
from tvm_bnn.resources import data_root
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import Target
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.lines import sealed, unsealed


class Contender(BaseModel):
    """A point that did not win, and its time."""

    model_config = ConfigDict(extra="forbid", strict=True)

    lowering: str
    point: dict[str, Any]
    median_ms: float = Field(gt=0, allow_inf_nan=False)


class RecordLine(BaseModel):
    """One line of a records file.

    ``tie`` says that the times of the runner-up and of this point overlap, so that either may be the faster.
    ``finalists`` are the points that an estimate cannot tell from the winner; where a board is at hand they are
    measured first.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: Literal[1, 2] = 2
    target: str
    evidence: Evidence
    operator: dict[str, Any]
    lowering: str
    space: str
    space_version: int
    point: dict[str, Any]
    threads: int = Field(ge=1)
    median_ms: float = Field(gt=0, allow_inf_nan=False)
    p5_ms: float = Field(gt=0, allow_inf_nan=False)
    p95_ms: float = Field(gt=0, allow_inf_nan=False)
    runs: int = Field(ge=1)
    trials: int = Field(ge=1)
    default_ms: float | None = None
    runner_up: Contender | None = None
    tie: bool = False
    finalists: list[Contender] = Field(default_factory=list)
    machine: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A line whose operator and point have been read."""

    line: RecordLine
    operator: Operator
    point: Point

    @property
    def lowering(self) -> str:
        """Name of the lowering."""
        return self.line.lowering

    @property
    def space_version(self) -> int:
        """Version of the space the point belongs to."""
        return self.line.space_version

    @property
    def is_stale(self) -> bool:
        """Whether no lowering of that name has a space of that version today."""
        current = {(row.lowering.kind, row.lowering.name, row.space.version) for row in (*ROWS, *CUDA_ROWS)}
        return (self.operator.kind, self.lowering, self.space_version) not in current

    @property
    def subject(self) -> tuple[str, Evidence, Operator, int]:
        """What it is a record of, whichever lowering won: target, evidence, operator and number of threads."""
        return self.line.target, self.line.evidence, self.operator, self.line.threads

    @property
    def rank(self) -> tuple[bool, float]:
        """Sorts better records first: measured, then fast."""
        return self.line.evidence != "measured", self.line.median_ms


@dataclass
class Damage:
    """Lines of a file that could not be used, and why."""

    path: Path
    lines: list[tuple[int, str]] = field(default_factory=list)


def parse_record(text: str | bytes) -> Record:
    """Read what a line says, its checksum left out.

    Raises:
        ValueError: where it is no record; one line saying what is wrong.
    """
    try:
        line = RecordLine.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'line'}: {first['msg']}") from None
    return Record(line, operator_from_dict(line.operator), Point.from_dict(line.point))


def read_records(path: Path) -> tuple[list[Record], Damage]:
    """All good records of a file, and the lines that are none.

    Raises:
        UsageError: where the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "check its rights") from error
    records, damage = [], Damage(path)
    for number, text in enumerate(lines, 1):
        try:
            records.append(parse_record(unsealed(text)))
        except (ValueError, TypeError) as error:
            damage.lines.append((number, str(error)))
    return records, damage


def update_records(path: Path, records: Sequence[Record]) -> None:
    """Put records into a file: they replace those of the same operator, threads and evidence; the others stay.

    A record of another lowering is replaced too: the new one won against it, and an old time of it, taken on a
    machine that was cooler or less busy, must not win later. What it lost by stays in ``runner_up``.

    Lines of the file that are no records are kept beside it.

    Raises:
        UsageError: where the file cannot be read or written.
    """
    held, damage = read_records(path) if path.exists() else ([], Damage(path))
    if damage.lines:
        raw = path.read_bytes().splitlines()
        keep_beside(path, [raw[number - 1] for number, _ in damage.lines])
    renewed = {record.subject for record in records}
    write_records(path, [*(record for record in held if record.subject not in renewed), *records])


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write a records file, whole or not at all."""
    contents = (record.line.model_dump() for record in records)
    ordered = sorted(contents, key=lambda content: json.dumps(content, sort_keys=True))
    write_atomic(path, "".join(map(sealed, ordered)))


class RecordBook:
    """Records of one target, from several places; earlier places win over later ones.

    ``shelves`` holds all of them, ``stale`` those among them that are not used. Records of the target that this one is
    like are held too: at equal distance its own come first, and those of the other are never exact.
    """

    def __init__(self, target: Target, shelves: Iterable[Iterable[Record]] = ()) -> None:
        self.target, known = target, {target.name, target.like}
        self.shelves = [[r for r in shelf if r.line.target in known] for shelf in shelves]
        self.stale = [r for shelf in self.shelves for r in shelf if r.is_stale]
        self._usable = [[r for r in shelf if not r.is_stale] for shelf in self.shelves]

    def best(self, operator: Operator, target: Target, threads: int) -> tuple[Record | None, bool]:
        """The record to use and whether it is of this very operator; None if none comes near.

        Only records of lowerings that accept the operator count. Of those of the nearest operator the earliest
        shelf's win, there the measured ones, and of them the fastest. A record of as many threads is nearer than
        others, but any number of them tunes the operator: threads share tiles, the tile itself is one core's.
        """
        accepting = {row.lowering.name for row in rows_for(operator, target)}
        record = self._nearest(operator, threads, accepting)
        return record, record is not None and record.operator == operator and self._own(record)

    def start(self, operator: Operator, threads: int, lowering: str) -> Record | None:
        """The record whose point the search of one lowering starts from; None if none comes near."""
        return self._nearest(operator, threads, {lowering})

    def finalists(self, operator: Operator, lowering: str) -> list[Point]:
        """Points of one lowering that estimates of this very operator could not tell apart, the best first."""
        close = [
            (contender.median_ms, Point.from_dict(contender.point))
            for shelf in self._usable
            for record in shelf
            if record.operator == operator and self._own(record)
            for contender in record.line.finalists
            if contender.lowering == lowering
        ]
        return [point for _, point in sorted(close, key=lambda entry: entry[0])]

    def _nearest(self, operator: Operator, threads: int, lowerings: set[str]) -> Record | None:
        ranked = [
            ((record.operator != operator, octaves, not self._own(record), _apart(record, threads), number), record)
            for number, shelf in enumerate(self._usable)
            for record in shelf
            if record.lowering in lowerings
            if math.isfinite(octaves := distance(record.operator, operator))
        ]
        return min(ranked, key=lambda entry: (entry[0], entry[1].rank), default=(None, None))[1]

    def _own(self, record: Record) -> bool:
        return record.line.target == self.target.name


def _apart(record: Record, threads: int) -> float:
    """Octaves between numbers of threads."""
    return abs(math.log2(record.line.threads / threads))


def distance(known: Operator, operator: Operator) -> float:
    """How unlike two operators are: octaves between their sizes; infinite if kind or structure differ."""
    if known.kind != operator.kind:
        return math.inf
    left, right = known.to_dict(), operator.to_dict()
    structure = ("kernel", "stride", "dilation", "groups", "activation_bits", "weight_bits", "value_bits")
    if any(left.get(key) != right.get(key) for key in structure):
        return math.inf
    numbers = [k for k in left if isinstance(left[k], int) and not isinstance(left[k], bool)]
    sizes = [k for k in numbers if k not in structure and left[k] > 0 and right[k] > 0]
    octaves = sum(abs(math.log2(left[k] / right[k])) for k in sizes)
    return octaves + (left.get("epilogue") != right.get("epilogue")) / 8


def record_files(folder: Path) -> Iterator[Path]:
    """The records files of a folder, in order of their names."""
    yield from sorted(folder.glob("*.jsonl")) if folder.is_dir() else ()


def load_book(target: Target, folders: Iterable[Path]) -> tuple[RecordBook, list[Damage]]:
    """The book of ``target`` from folders in order of precedence, the shipped records of it and of its like last."""
    shelves, damages = [], []
    shipped = [data_root("schedules") / name for name in (target.name, target.like) if name]
    for folder in [*folders, *shipped]:
        shelf: list[Record] = []
        for path in record_files(folder):
            records, damage = read_records(path)
            shelf += records
            damages += [damage] if damage.lines else []
        shelves.append(shelf)
    return RecordBook(target, shelves), damages
