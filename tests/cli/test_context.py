import json
from pathlib import Path
from typing import Any

import pytest

from tvm_bnn.cli import context
from tvm_bnn.cli.context import Request, book_of, parse_size, resolve, threads_or_all, work_dir_of
from tvm_bnn.errors import UsageError
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.ops import Operator
from tvm_bnn.targets import logical_cores, resolve_host
from tvm_bnn.tuning.plan import Choice, default_choice

HOST = resolve_host()


def record_line(operator: Operator, **changes: Any) -> str:
    """A record of the default arrangement of an operator."""
    choice: Choice = default_choice(operator, HOST, 1)
    line = {
        "schema_version": 1,
        "target": HOST.name,
        "evidence": "measured",
        "operator": operator.to_dict(),
        "lowering": choice.row.lowering.name,
        "space": choice.row.space.name,
        "space_version": choice.row.space.version,
        "point": choice.point.to_dict(),
        "threads": 1,
        **{"median_ms": 1.0, "p5_ms": 0.9, "p95_ms": 1.1, "runs": 10, "trials": 16},
    }
    return json.dumps(line | changes) + "\n"


def operators(model: LoadedModel) -> list[Operator]:
    return [operator for _, operator in model.network.operators_at((1, *model.input_size, 3))]


def write(folder: Path, *lines: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "measured.jsonl").write_text("".join(lines))
    return folder


@pytest.mark.parametrize(("text", "size"), [("384x1248", (384, 1248)), (" 32X64 ", (32, 64)), ("0x7", (0, 7))])
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "384", "384x", "x1248", "384,1248", "-1x5", "1x2x3", "axb"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="--input-size: expected HxW, got"):
        parse_size(text)


def test_threads() -> None:
    assert (threads_or_all(3), threads_or_all(None)) == (3, logical_cores())


def test_work_dir() -> None:
    assert work_dir_of(HOST, None) == Path("tvm-bnn-work") / HOST.name
    assert work_dir_of(HOST, Path("mine")) == Path("mine")


def test_records_are_looked_up_in_order(tiny_model: LoadedModel, tmp_path: Path) -> None:
    conv = operators(tiny_model)[1]
    named = write(tmp_path / "named", record_line(conv, median_ms=3.0))
    write(tmp_path / "work" / "records", record_line(conv, median_ms=2.0))
    for records, expected in ((named, 3.0), (None, 2.0)):
        record, exact = book_of(HOST, records, tmp_path / "work").best(conv, HOST, 1)
        assert record is not None
        assert (record.line.median_ms, exact) == (expected, True)


@pytest.mark.parametrize("option", ["records", "work_dir"])
def test_folders_that_are_not_there(option: str, tmp_path: Path) -> None:
    folders: dict[str, Path | None] = {"records": None, "work_dir": None, option: tmp_path / "nowhere"}
    with pytest.raises(UsageError, match=f"--{option.replace('_', '-')}: expected a folder, got none"):
        book_of(HOST, **folders)


def test_damaged_lines_are_named_and_the_others_kept(
    tiny_model: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conv = operators(tiny_model)[1]
    folder = write(tmp_path / "named", '{"half', "\n", record_line(conv), record_line(conv, runs=0))
    assert book_of(HOST, folder, tmp_path).best(conv, HOST, 1)[1]
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{folder / 'measured.jsonl'}:1: not a record, ignored: ")
    assert second.startswith(f"{folder / 'measured.jsonl'}:3: not a record, ignored: runs: ")


def test_stale_and_unknown_records_are_named(
    tiny_model: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conv = operators(tiny_model)[1]
    stale = record_line(conv, space_version=999)
    folder = write(tmp_path / "named", stale, stale, record_line(conv, lowering="magic"))
    book_of(HOST, folder, tmp_path)
    unknown, old = capsys.readouterr().err.splitlines()
    assert unknown == "1 records of the unknown lowering magic are not used"
    assert old.startswith("2 records of popcount-lanes are stale (space version 999, now ")


REQUEST = Request("tests.tiny:network", "S", None, 0, "cpu", 1, None, None)


def test_a_request_is_resolved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(context, "WORK", tmp_path)
    job = resolve(REQUEST)
    assert (job.target, job.threads, job.input_shape) == (HOST, 1, (1, 16, 24, 3))
    assert capsys.readouterr().err == f"tests.tiny:network 16x24 for {HOST.name}, threads: 1\n"


def test_a_record_decides(monkeypatch: pytest.MonkeyPatch, tiny_model: LoadedModel, tmp_path: Path) -> None:
    conv = operators(tiny_model)[1]
    write(tmp_path / HOST.name / "records", record_line(conv))
    monkeypatch.setattr(context, "WORK", tmp_path)
    assert [resolve(REQUEST).choose(operator).schedule for operator in operators(tiny_model)][1] == "tuned"
