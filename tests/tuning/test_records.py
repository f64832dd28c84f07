import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.fakes import CONV, TARGET, WIDE, record
from tvm_bnn.errors import UsageError
from tvm_bnn.lowering.registry import row_named, rows_for
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Operator, PooledAttention
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import load
from tvm_bnn.tuning.plan import choose
from tvm_bnn.tuning.records import (
    Contender,
    Damage,
    Record,
    RecordBook,
    load_book,
    parse_record,
    read_records,
    record_files,
    update_records,
    write_records,
)

OTHER = load("x86-avx2")


def best(book: RecordBook, operator: Operator = CONV, threads: int = 2) -> tuple[Record | None, bool]:
    return book.best(operator, TARGET, threads)


def test_round_trip(tmp_path: Path) -> None:
    records = [record(), record(WIDE, evidence="estimated", default_ms=4.0, machine="mine", versions={"a": "1"})]
    write_records(tmp_path / "deep" / "a.jsonl", records)
    found, damage = read_records(tmp_path / "deep" / "a.jsonl")
    assert damage.lines == []
    assert sorted(found, key=lambda r: r.line.machine) == records
    write_records(tmp_path / "b.jsonl", reversed(found))
    assert (tmp_path / "b.jsonl").read_bytes() == (tmp_path / "deep" / "a.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"threads"', '"threds"'),
        ('"runs": 10', '"runs": 0'),
        ('"median_ms": 2.0', '"median_ms": NaN'),
        ('"median_ms": 2.0', '"median_ms": "2.0"'),
        ('"kind": "conv2d"', '"kind": "conv3d"'),
        ('"height": 6', '"height": -6'),
        ('"tile": [', '"tile": [0, '),
        ("{", ""),
    ],
)
def test_bad_lines_are_named_and_the_rest_is_used(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "a.jsonl"
    write_records(path, [record()])
    good = path.read_text()
    assert old in good
    path.write_text(good + good.replace(old, new, 1) + good)
    found, damage = read_records(path)
    assert found == [record(), record()]
    ((number, reason),) = damage.lines
    assert (damage.path, number) == (path, 2)
    assert reason
    assert "\n" not in reason


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_records(tmp_path)


def test_measured_beats_estimated_and_the_faster_wins() -> None:
    records = [
        record(evidence="estimated", median_ms=0.1),
        record(median_ms=3.0),
        record(median_ms=2.5),
        record(median_ms=0.2, threads=1),
    ]
    assert best(RecordBook(TARGET, [records])) == (records[2], True)
    assert best(RecordBook(TARGET, [records[:1]])) == (records[0], True)


def test_an_exact_record_beats_a_near_one() -> None:
    near = record(WIDE, median_ms=0.1)
    exact = record(evidence="estimated", median_ms=9.0)
    assert best(RecordBook(TARGET, [[near], [exact]])) == (exact, True)
    assert best(RecordBook(TARGET, [[near]])) == (near, False)


def test_the_nearest_is_transferred() -> None:
    far, near = record(replace(CONV, height=600), median_ms=0.1), record(replace(CONV, height=7), median_ms=9.0)
    other_threads = record(threads=1)
    assert best(RecordBook(TARGET, [[far, near]])) == (near, False)
    assert best(RecordBook(TARGET, [[far, near, other_threads]]), replace(CONV, height=7), 1) == (near, True)
    assert best(RecordBook(TARGET, [[far, other_threads]])) == (other_threads, True)


@pytest.mark.parametrize(
    "operator",
    [
        replace(CONV, kernel=(1, 1), padding=(0, 0)),
        replace(CONV, stride=(2, 2)),
        replace(CONV, activation_bits=2),
        Dense(37, 64, 64),
    ],
)
def test_nothing_is_transferred_to_another_structure(operator: Conv2d | Dense) -> None:
    assert best(RecordBook(TARGET, [[record()]]), operator) == (None, False)


@pytest.mark.parametrize(("value_bits", "comes_near"), [(1, True), (2, False)])
def test_attention_to_other_values_is_another_structure(value_bits: int, comes_near: bool) -> None:
    attention = PooledAttention(1, 6, 10, 110, 64, 64)
    row = rows_for(attention, TARGET)[0]
    setting = Setting(attention, TARGET, 2)
    held = record(
        operator=attention.to_dict(),
        lowering=row.lowering.name,
        space=row.space.name,
        space_version=row.space.version,
        point=row.space.default(setting).to_dict(),
    )
    wanted = replace(attention, height=7, value_bits=value_bits)
    assert best(RecordBook(TARGET, [[held]]), wanted) == ((held if comes_near else None), False)


def test_stale_records_are_named_and_not_used() -> None:
    stale, unknown = record(space_version=99), record(lowering="gone")
    book = RecordBook(TARGET, [[stale, unknown]])
    assert book.stale == [stale, unknown]
    assert book.shelves == [[stale, unknown]]
    assert best(book) == (None, False)
    assert choose(CONV, TARGET, 2, book).schedule == "default"


def test_records_of_another_target_are_not_even_shelved() -> None:
    book = RecordBook(TARGET, [[record(target=OTHER.name)]])
    assert book.shelves == [[]]
    assert best(book) == (None, False)


def test_an_earlier_shelf_wins() -> None:
    first, second = record(median_ms=9.0), record(median_ms=1.0)
    assert best(RecordBook(TARGET, [[first], [second]])) == (first, True)
    assert best(RecordBook(TARGET, [[], [second]])) == (second, True)


def test_folders_are_shelves(tmp_path: Path) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    write_records(own / "b.jsonl", [record(median_ms=9.0)])
    write_records(own / "a.jsonl", [record(median_ms=8.0)])
    write_records(shared / "a.jsonl", [record(median_ms=1.0)])
    (own / "notes.txt").write_text("no records")
    with (shared / "a.jsonl").open("a") as file:
        file.write("{}\n")
    assert [path.name for path in record_files(own)] == ["a.jsonl", "b.jsonl"]
    book, (damage,) = load_book(TARGET, [tmp_path / "absent", own, shared])
    found, exact = best(book)
    assert found is not None
    assert (found.line.median_ms, exact) == (8.0, True)
    assert (damage.path, damage.lines[0][0]) == (shared / "a.jsonl", 2)


@pytest.mark.parametrize(
    "operator",
    [
        Conv2d(1, 1, 1, 64, 64),
        Conv2d(1, 7, 13, 64, 64),
        Conv2d(3, 31, 2, 128, 192, epilogue=Epilogue("bias", outputs=("signs",))),
        Conv2d(1, 224, 224, 64, 1000),
    ],
)
def test_a_transferred_point_belongs_to_the_space(operator: Conv2d) -> None:
    odd = record(point={"tile": [4, 3, 1], "order": "filters", "unroll": 2})
    chosen = choose(operator, TARGET, 2, RecordBook(TARGET, [[odd]]))
    setting = Setting(operator, TARGET, 2)
    row = row_named(operator, TARGET, chosen.row.lowering.name)
    assert row is not None
    assert chosen.schedule == "transferred"
    assert chosen.point.tile in row.space.tiles(setting)
    assert chosen.point.variant in row.space.variants(setting)
    assert chosen.point.variant["order"] == ("filters" if operator.out_channels > 64 else "pixels")


def test_damaged_lines_are_kept_when_the_file_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    good = record()
    write_records(path, [good])
    path.write_bytes(b"not a record \xff\n" + path.read_bytes())
    update_records(path, [good])
    assert read_records(path) == ([good], Damage(path))
    assert (tmp_path / "measured.damaged").read_bytes() == b"not a record \xff\n"


RIVAL = "popcount-masked"
"""Another lowering that accepts every convolution."""


def rival(operator: Operator = CONV, /, **changes: Any) -> Record:
    row = row_named(operator, TARGET, RIVAL)
    assert row is not None
    own = {"lowering": RIVAL, "space": row.space.name, "space_version": row.space.version, "point": {"tile": []}}
    return record(**{**own, "operator": operator.to_dict(), **changes})


def test_lines_of_former_times_have_no_runner_up() -> None:
    line = record().line.model_dump()
    for name in ("runner_up", "tie"):
        del line[name]
    old = parse_record(json.dumps(line))
    assert (old.line.runner_up, old.line.tie) == (None, False)
    assert old == record()


def test_a_runner_up_survives_the_file(tmp_path: Path) -> None:
    second = {"lowering": RIVAL, "point": {"tile": []}, "median_ms": 2.5}
    kept = record(runner_up=second, tie=True)
    write_records(tmp_path / "a.jsonl", [kept])
    assert read_records(tmp_path / "a.jsonl")[0] == [kept]
    assert kept.line.runner_up == Contender.model_validate(second)


def test_the_faster_lowering_wins() -> None:
    slow, fast = record(median_ms=2.0), rival(median_ms=1.5)
    assert best(RecordBook(TARGET, [[slow, fast]])) == (fast, True)
    assert best(RecordBook(TARGET, [[slow], [fast]])) == (slow, True)


def test_a_new_record_replaces_that_of_the_lowering_it_won_against(tmp_path: Path) -> None:
    """However fast that one once was; other operators, threads and evidence stay."""
    path = tmp_path / "measured.jsonl"
    others = [rival(WIDE), rival(threads=1), rival(evidence="estimated")]
    write_records(path, [rival(median_ms=0.1), *others])
    update_records(path, [record(median_ms=2.0)])
    kept, _ = read_records(path)
    assert len(kept) == 4
    assert all(other in kept for other in others)
    assert best(RecordBook(TARGET, [kept])) == (record(median_ms=2.0), True)


def test_an_operator_that_differs_in_no_size_is_not_exact() -> None:
    other, exact = record(replace(CONV, pad_value="zero"), median_ms=0.1), record(median_ms=9.0)
    assert CONV.pad_value != "zero"
    for shelves in ([[other, exact]], [[other], [exact]]):
        assert best(RecordBook(TARGET, shelves)) == (exact, True)
    assert best(RecordBook(TARGET, [[other]])) == (other, False)


def test_the_nearest_operator_lends_its_best_lowering() -> None:
    near = replace(CONV, height=7)
    slow, fast = record(near, median_ms=2.0), rival(near, median_ms=1.5)
    far = record(replace(CONV, height=600), median_ms=0.1)
    assert best(RecordBook(TARGET, [[slow, far, fast]])) == (fast, False)
    # Of the same operator an earlier shelf wins: its times are of this machine.
    assert best(RecordBook(TARGET, [[slow], [fast]])) == (slow, False)


def test_a_lowering_that_declines_is_passed_over() -> None:
    """The nearest operator's lowering has no masks, and this operator's groups share words."""
    grouped = replace(CONV, in_channels=24, out_channels=12, groups=3)
    narrow = replace(CONV, in_channels=24, out_channels=12)
    near = record(narrow, operator=replace(grouped, height=7).to_dict(), median_ms=0.1)
    next_near = rival(replace(grouped, height=12))
    assert best(RecordBook(TARGET, [[near, next_near]]), grouped) == (next_near, False)
    assert best(RecordBook(TARGET, [[near]]), grouped) == (None, False)
    exact = record(narrow, operator=grouped.to_dict(), median_ms=0.1)
    assert best(RecordBook(TARGET, [[exact, next_near]]), grouped) == (next_near, False)


def test_records_of_a_target_like_this_one_are_transferred() -> None:
    amx = load("x86-amx")
    assert amx.like == TARGET.name
    kin, own = record(), record(replace(CONV, height=600), target=amx.name)
    assert RecordBook(amx, [[kin]]).best(CONV, amx, 2) == (kin, False)
    assert RecordBook(amx, [[own, kin]]).best(CONV, amx, 2) == (kin, False)
    exact = record(target=amx.name, median_ms=9.0)
    assert RecordBook(amx, [[kin, exact]]).best(CONV, amx, 2) == (exact, True)
    assert RecordBook(TARGET, [[exact]]).best(CONV, TARGET, 2) == (None, False)


def test_the_same_number_of_threads_is_preferred() -> None:
    near = replace(CONV, height=7)
    one, two, eight = (record(near, threads=threads, median_ms=4.0 / threads) for threads in (1, 2, 8))
    book = RecordBook(TARGET, [[eight, one, two]])
    assert best(book, threads=2) == (two, False)
    assert best(book, threads=1) == (one, False)
    assert best(RecordBook(TARGET, [[eight, two]]), threads=1) == (two, False)


def test_a_search_starts_from_the_nearest_record_of_its_own_lowering() -> None:
    near, nearer = record(replace(CONV, height=9)), rival(replace(CONV, height=7))
    book = RecordBook(TARGET, [[near], [nearer]])
    assert book.start(CONV, 2, "popcount-lanes") == near
    assert book.start(CONV, 2, RIVAL) == nearer
    assert book.start(CONV, 2, "gone") is None
    assert book.start(replace(CONV, stride=(2, 2)), 2, RIVAL) is None
