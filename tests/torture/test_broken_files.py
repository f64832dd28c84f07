"""Journals and records that were cut off, damaged, or are of something else: nothing wrong is ever taken from them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.torture.counts import chance, count
from tests.torture.mutations import mutated, truncations
from tests.torture.results import record as keep
from tests.tuning.fakes import CONV, TARGET, record, trial
from tvm_bnn.errors import UsageError
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.plan import choose
from tvm_bnn.tuning.records import RecordBook, read_records, update_records, write_records

pytestmark = pytest.mark.torture

LAST = 4096
OPERATORS = [replace(CONV, height=height) for height in range(6, 14)]
RECORDS = [record(operator, median_ms=1.0 + place) for place, operator in enumerate(OPERATORS)]
TRIALS = [trial(operator=operator.signature, run_secs=[1e-3 * (1 + n), 0.5]) for n, operator in enumerate(OPERATORS)]


@pytest.fixture
def journal(scratch: Path) -> bytes:
    """A whole journal."""
    journal = Journal(scratch / "whole.jsonl")
    for one in TRIALS:
        journal.append(one)
    return journal.path.read_bytes()


@pytest.fixture
def records(scratch: Path) -> bytes:
    """A whole file of records."""
    write_records(scratch / "whole.jsonl", RECORDS)
    return (scratch / "whole.jsonl").read_bytes()


def check_journal(folder: Path, data: bytes, named: str) -> int:
    """What a damaged journal gives are trials that were made; the lines that it has lost are named and kept."""
    folder.mkdir()
    journal = Journal(folder / "journal.jsonl")
    journal.path.write_bytes(data)
    opened = journal.open()
    assert all(one in TRIALS for one in opened.trials), named
    lines = [line for line in data.split(b"\n") if line.strip()]
    assert len(opened.trials) + len(opened.damaged) == len(lines), named
    beside = folder / "journal.damaged"
    kept = beside.read_bytes() if beside.exists() else b""
    assert all(lines_of(data)[number - 1] in kept for number, _ in opened.damaged), named
    assert all(reason and "\n" not in reason for _, reason in opened.damaged), named
    journal.append(TRIALS[0])
    again = journal.open()
    assert (again.trials, again.damaged) == ([*opened.trials, TRIALS[0]], []), named
    shutil.rmtree(folder)
    return len(opened.damaged)


def lines_of(data: bytes) -> list[bytes]:
    return data.split(b"\n")


def check_records(folder: Path, data: bytes, named: str) -> int:
    """Damaged records choose what a record said of the very operator, or a default; none of them is lost by a write."""
    folder.mkdir()
    path = folder / "measured.jsonl"
    path.write_bytes(data)
    found, damage = read_records(path)
    assert all(one in RECORDS for one in found), named
    assert all(reason and "\n" not in reason for _, reason in damage.lines), named
    book = RecordBook(TARGET, [found])
    for operator, one in zip(OPERATORS, RECORDS, strict=True):
        choice = choose(operator, TARGET, 2, book)
        setting = Setting(operator, TARGET, 2)
        assert choice.row.space.nearest(setting, choice.point) == choice.point, named
        assert (choice.schedule == "tuned") == (one in found), named
    update_records(path, RECORDS[:1])
    assert read_records(path)[1].lines == [], named
    beside = folder / "measured.damaged"
    kept = beside.read_bytes() if beside.exists() else b""
    assert all(data.splitlines()[number - 1] in kept for number, _ in damage.lines), named
    shutil.rmtree(folder)
    return len(damage.lines)


Check = Callable[[Path, bytes, str], int]
CHECKS: dict[str, Check] = {"journal": check_journal, "records": check_records}


@pytest.fixture(params=list(CHECKS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def whole(kind: str, request: pytest.FixtureRequest) -> bytes:
    data: bytes = request.getfixturevalue(kind)
    return data


def test_every_truncation(kind: str, whole: bytes, scratch: Path) -> None:
    step = max(1, LAST // count(LAST, 100))
    cut = [one for place, one in enumerate(truncations(whole, LAST)) if place % step == 0]
    damaged = sum(CHECKS[kind](scratch / "cut", one, f"cut to {len(one)} bytes") for one in cut)
    assert damaged
    keep(f"broken/{kind}/truncations", tried=len(cut), lines_set_aside=damaged, crashes=0, wrong=0)


def test_random_mutations(kind: str, whole: bytes, scratch: Path) -> None:
    number = count(2000, 100)
    cases = ((f"{kind} {n}", mutated(whole, chance(kind, n))) for n in range(number))
    damaged = sum(CHECKS[kind](scratch / "mutated", data, name) for name, data in cases)
    assert damaged
    keep(f"broken/{kind}/mutations", tried=number, lines_set_aside=damaged, crashes=0, wrong=0)


def foreign(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Files that are whole and of something else."""
    yield "of another target", b"".join(lines_for(target="x86-avx2"))
    yield "of another space version", b"".join(lines_for(space_version=999))
    yield "of a lowering that is gone", b"".join(lines_for(lowering="gone"))
    yield "of another schema version", whole.replace(b'"schema_version": 2', b'"schema_version": 3')
    yield "of another model", b"".join(lines_for(operator=replace(CONV, stride=(2, 2)).to_dict()))


def lines_for(**changes: object) -> Iterator[bytes]:
    from tvm_bnn.tuning.lines import sealed

    for one in RECORDS:
        yield sealed(one.line.model_dump() | changes).encode()


def test_records_of_something_else_decide_nothing(records: bytes, scratch: Path) -> None:
    path, tried = scratch / "measured.jsonl", 0
    for name, data in foreign(records):
        path.write_bytes(data)
        book = RecordBook(TARGET, [read_records(path)[0]])
        for operator in OPERATORS:
            assert choose(operator, TARGET, 2, book).schedule == "default", name
            tried += 1
    keep("broken/records/of something else", tried=tried, crashes=0, wrong=0)


def test_a_point_that_no_space_has_is_made_one_that_it_has(scratch: Path) -> None:
    path, odd = scratch / "measured.jsonl", {"tile": [7, 7, 7, 7], "order": "sideways"}
    path.write_bytes(b"".join(lines_for(point=odd)))
    book = RecordBook(TARGET, [read_records(path)[0]])
    choice = choose(CONV, TARGET, 2, book)
    assert choice.point != Point.from_dict(odd)
    assert choice.point.key in {
        Point(tile, variant).key
        for tile in choice.row.space.tiles(Setting(CONV, TARGET, 2))
        for variant in choice.row.space.variants(Setting(CONV, TARGET, 2))
    }


def test_a_folder_in_place_of_a_file(scratch: Path) -> None:
    (scratch / "journal.jsonl").mkdir()
    with pytest.raises(UsageError, match="cannot read"):
        Journal(scratch / "journal.jsonl").open()
    with pytest.raises(UsageError, match="cannot read"):
        read_records(scratch / "journal.jsonl")
