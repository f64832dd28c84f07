import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.tuning.fakes import trial
from tvm_bnn.errors import UsageError
from tvm_bnn.tuning.journal import Journal, Opened, Trial

FAILED = trial(failure="wrong", message="stream[0, 1]: expected 3, got 4")
TRIALS = [trial(), FAILED, trial(threads=1)]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "journal.jsonl")
    for entry in TRIALS:
        journal.append(entry)
    return journal


def damaged_file(journal: Journal) -> Path:
    return journal.path.with_name("journal.damaged")


def damage(journal: Journal, number: int, text: bytes) -> None:
    """Replace line ``number``, counted from 1."""
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = text
    journal.path.write_bytes(b"".join(lines))


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    assert journal.open().trials == []
    assert list(tmp_path.iterdir()) == []


def test_round_trip(journal: Journal) -> None:
    before = journal.path.read_bytes()
    opened = Journal(journal.path).open()
    assert opened.trials == TRIALS
    assert opened.damaged == []
    assert journal.path.read_bytes() == before
    assert not damaged_file(journal).exists()


def test_every_truncation_loses_at_most_the_last_line(journal: Journal) -> None:
    whole = journal.path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(whole) + 1):
        journal.path.write_bytes(whole[:length])
        damaged_file(journal).unlink(missing_ok=True)
        complete, begun = length >= len(whole) - 1, length > start
        opened = journal.open()
        assert opened.trials == (TRIALS if complete else TRIALS[:2]), length
        assert [number for number, _ in opened.damaged] == ([3] if begun and not complete else [])
        journal.append(FAILED)
        assert journal.open().trials == [*opened.trials, FAILED]
        assert journal.open().damaged == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"\x00\xff\x00\n", "Invalid JSON"),
        (b"[1, 2]\n", "object"),
        (b'{"operator": "conv2d", "schema_version": 1}\n', "lowering"),
        (b'{"operator": "conv2d"}\n', "checksum"),
        (b"{}{}\n", "Invalid JSON"),
    ],
)
def test_a_damaged_line_is_set_aside_and_named(journal: Journal, text: bytes, reason: str) -> None:
    damage(journal, 2, text)
    opened = journal.open()
    assert opened.trials == [TRIALS[0], TRIALS[2]]
    ((number, why),) = opened.damaged
    assert number == 2
    assert reason in why
    assert "\n" not in why
    assert damaged_file(journal).read_bytes() == text
    journal.append(FAILED)
    again = journal.open()
    assert again.trials == [TRIALS[0], TRIALS[2], FAILED]
    assert again.damaged == []


def test_lines_set_aside_earlier_stay(journal: Journal) -> None:
    for text in (b"first\n", b"second\n"):
        damage(journal, 1, text)
        journal.open()
    assert damaged_file(journal).read_bytes() == b"first\nsecond\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"run_secs": None},
        {"failure": "wrong"},
        {"run_secs": []},
        {"run_secs": [0.0]},
        {"run_secs": [float("inf")]},
        {"run_secs": None, "failure": "bored"},
        {"schema_version": 3},
        {"threads": 0},
        {"point": {"tile": [0]}},
        {"point": {"tile": [1], "order": None}},
        {"extra": 1},
    ],
)
def test_a_trial_that_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Trial(**{**trial().model_dump(), **changes})


def test_one_line_a_trial_whatever_its_message(journal: Journal) -> None:
    odd = trial(failure="build", message='two\nlines \u2028 "and" \x85 more')
    journal.append(odd)
    assert journal.open().trials[-1] == odd
    assert len(journal.path.read_bytes().splitlines()) == len(TRIALS) + 1
    assert json.loads(journal.path.read_bytes().splitlines()[-1])["failure"] == "build"


def test_a_journal_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(UsageError, match="cannot read") as read:
        journal.open()
    with pytest.raises(UsageError, match="cannot write") as written:
        journal.append(trial())
    assert read.value.hint
    assert written.value.hint


def test_a_full_disk(journal: Journal) -> None:
    with pytest.raises(UsageError, match="No space left"):
        Journal(Path("/dev/full")).append(trial())


def test_a_line_that_does_not_fit_is_taken_back(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    before = journal.path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match="No space left"):
            journal.append(FAILED)
    assert journal.path.read_bytes() == before


def test_a_changed_line_is_no_trial(journal: Journal) -> None:
    changed = journal.path.read_bytes().replace(b"0.125", b"0.115", 1)
    journal.path.write_bytes(changed)
    opened = journal.open()
    assert opened.trials == TRIALS[1:]
    assert opened.damaged == [(1, "the checksum is wrong: the line was changed or is damaged")]


def test_lines_of_former_times_have_no_checksum(journal: Journal) -> None:
    old = trial(schema_version=1)
    journal.path.write_text(old.model_dump_json(exclude_none=True) + "\n")
    assert journal.open() == Opened([old], [])
