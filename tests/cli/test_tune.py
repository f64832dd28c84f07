import fcntl
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.tiny import MODEL
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning import runners
from tvm_bnn.tuning.records import Record, RecordLine, write_records
from tvm_bnn.tuning.worker import Request

HOST = resolve_host()


class FakeRunner:
    """Times that depend on the point alone; whoever subclasses it lets things go wrong."""

    evidence = "measured"

    def __init__(self, _timeout: float, _log: Path) -> None:
        self.requests: list[Request] = []

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, dict[str, Any]]]:
        for request in requests:
            yield request, self.run(request)

    def run(self, request: Request) -> dict[str, Any]:
        self.requests.append(request)
        return {"run_secs": [1e-4 + 1e-6 * (len(json.dumps(request.to_dict()["point"])) % 7)] * 3}

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "LocalRunner", FakeRunner)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the measuring process is asked for."""
    requests: list[Request] = []

    class Open(FakeRunner):
        def run(self, request: Request) -> dict[str, Any]:
            requests.append(request)
            return super().run(request)

    monkeypatch.setattr(runners, "LocalRunner", Open)
    return requests


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_measures_keeps_and_goes_on(cli: Cli, tmp_path: Path) -> None:
    arguments = ("tune", MODEL, "--threads", "1", "--work-dir", tmp_path / "w", "--format", "json")
    code, out, err = cli(*arguments, "--trials", "4")
    document = json.loads(out)
    assert (code, document["evidence"], document["interrupted"]) == (0, "measured", False)
    assert sum(task["trials"] for task in document["tasks"]) == lines(tmp_path / "w" / "journal.jsonl") == 4
    assert all(task["best_ms"] > 0 and task["failed"] == 0 for task in document["tasks"])
    assert "preflight:" in err
    assert "[4/4]" in err
    records = tmp_path / "w" / "records" / "measured.jsonl"
    assert lines(records) == len(document["tasks"])
    # N is the total: the same again adds nothing.
    assert cli(*arguments, "--trials", "4").code == 0
    assert lines(tmp_path / "w" / "journal.jsonl") == 4
    tuned = cli("profile", MODEL, "--threads", "1", "--work-dir", tmp_path / "w", "--repeat", "3", "--format", "json")
    schedules = {operator["name"]: operator["schedule"] for operator in json.loads(tuned.out)["operators"]}
    assert schedules["conv"] == "tuned"


@pytest.mark.usefixtures("fake")
def test_tasks_are_listed_and_chosen(cli: Cli, tmp_path: Path) -> None:
    arguments = ("tune", MODEL, "--work-dir", tmp_path / "w", "--format", "json", "--trials", "3")
    listed = json.loads(cli(*arguments, "--tasks", "list").out)["tasks"]
    assert [task["index"] for task in listed] == list(range(len(listed)))
    assert not (tmp_path / "w").exists()
    assert json.loads(cli(*arguments, "--dry-run").out)["tasks"] == listed
    assert not (tmp_path / "w").exists()
    assert all(task["lowerings"] and task["points"] > 1 for task in listed)
    table = cli("tune", MODEL, "--work-dir", tmp_path / "w", "--tasks", "list").out
    assert all(", ".join(task["lowerings"]) in table for task in listed)
    by_number = json.loads(cli(*arguments, "--tasks", "1").out)["tasks"]
    assert [task["index"] for task in by_number] == [1]
    by_place = json.loads(cli(*arguments, "--tasks", "con*").out)["tasks"]
    assert [task["places"] for task in by_place] == [["conv"]]


@pytest.mark.parametrize("tasks", ["7", "0,99", "nothing*"])
def test_tasks_that_do_not_exist(cli: Cli, tmp_path: Path, tasks: str) -> None:
    code, out, err = cli("tune", MODEL, "--tasks", tasks, "--work-dir", tmp_path / "w")
    assert (code, out) == (2, "")
    assert f"'{tasks}'" in err
    assert "--tasks list" in err


@pytest.mark.parametrize("trials", ["0", "-3"])
def test_trials_must_be_positive(cli: Cli, trials: str) -> None:
    code, out, err = cli("tune", MODEL, "--trials", trials)
    assert (code, out) == (2, "")
    assert err.startswith(f"tvm-bnn: error: --trials: expected a positive number, got {trials}\nhint: ")


def test_nothing_valid_is_an_error(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FakeRunner):
        def run(self, request: Request) -> dict[str, Any]:
            return {"failure": "build", "message": "no such instruction"}

    monkeypatch.setattr(runners, "LocalRunner", Broken)
    code, out, err = cli("tune", MODEL, "--trials", "4", "--work-dir", tmp_path / "w")
    assert (code, out) == (3, "")
    assert "failed (build): no such instruction" in err


def test_wrong_numbers_never_become_records(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(FakeRunner):
        def run(self, request: Request) -> dict[str, Any]:
            if '"kind":"conv2d"' in request.operator:
                return {"failure": "wrong", "message": "signs[0, 0]: expected 1, got 2"}
            return super().run(request)

    monkeypatch.setattr(runners, "LocalRunner", Wrong)
    code, _, err = cli("tune", MODEL, "--trials", "6", "--work-dir", tmp_path / "w")
    assert code == 3
    assert "no valid candidate for conv2d 3x3 64->64" in err
    assert "wrong: signs[0, 0]: expected 1, got 2" in err
    assert "wrong · ETA" in err
    records = (tmp_path / "w" / "records" / "measured.jsonl").read_text()
    assert "real_conv2d" in records
    assert '"kind": "conv2d"' not in records


def test_interrupted_runs_keep_what_they_found(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient(FakeRunner):
        def run(self, request: Request) -> dict[str, Any]:
            if len(self.requests) == 4:
                raise KeyboardInterrupt
            return super().run(request)

    monkeypatch.setattr(runners, "LocalRunner", Impatient)
    code, out, err = cli("tune", MODEL, "--trials", "50", "--work-dir", tmp_path / "w", "--format", "json")
    assert code == 130
    assert json.loads(out)["interrupted"] is True
    # The first request was the preflight, which is no trial.
    assert lines(tmp_path / "w" / "journal.jsonl") == 3
    assert (tmp_path / "w" / "records" / "measured.jsonl").read_text()
    assert "the same command goes on" in err


@pytest.mark.usefixtures("fake")
def test_a_work_dir_in_use(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    with (tmp_path / "w" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, err = cli("tune", MODEL, "--work-dir", tmp_path / "w", "--trials", "2")
    assert code == 2
    assert "in use by another tuning run" in err


@pytest.mark.usefixtures("fake")
def test_a_work_dir_of_another_target(cli: Cli, tmp_path: Path) -> None:
    arguments = ("tune", MODEL, "--trials", "2", "--work-dir", tmp_path / "w")
    assert cli(*arguments, "--target", "cpu-portable").code == 0
    code, _, err = cli(*arguments)
    assert code == 2
    assert "holds records of target cpu-portable, expected target" in err
    assert "--fresh" in err
    assert cli(*arguments, "--fresh").code == 0
    assert lines(tmp_path / "w" / "before-1" / "journal.jsonl") == 2


def test_a_work_dir_that_cannot_be(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "w").write_text("a file")
    code, _, err = cli("tune", MODEL, "--work-dir", tmp_path / "w", "--trials", "2")
    assert code == 2
    assert "expected a writable work dir" in err


@pytest.mark.usefixtures("fake")
def test_damaged_journal_lines_are_named(cli: Cli, tmp_path: Path) -> None:
    arguments = ("tune", MODEL, "--work-dir", tmp_path / "w")
    cli(*arguments, "--trials", "3")
    journal = tmp_path / "w" / "journal.jsonl"
    whole = journal.read_text()
    journal.write_text(whole[:-20])
    code, _, err = cli(*arguments, "--trials", "4")
    assert code == 0
    assert "journal line 3 is damaged and was set aside" in err
    assert lines(journal) == 4


def near_record(folder: Path) -> Record:
    """A record of a layer like the model's ``conv``, of a point that is not the default."""
    held = Conv2d(1, 3, 4, 64, 64)
    setting = Setting(held, HOST, 1)
    row = rows_for(held, HOST)[0]
    points = [Point(tile, row.space.default(setting).variant) for tile in row.space.tiles(setting)]
    point = next(point for point in points if point != row.space.default(setting))
    line = RecordLine(
        target=HOST.name,
        evidence="measured",
        operator=held.to_dict(),
        lowering=row.lowering.name,
        space=row.space.name,
        space_version=row.space.version,
        point=point.to_dict(),
        threads=1,
        median_ms=1.0,
        p5_ms=1.0,
        p95_ms=1.0,
        runs=1,
        trials=1,
    )
    record = Record(line, held, point)
    write_records(folder / "near.jsonl", [record])
    return record


def tried(requests: list[Request], lowering: str) -> list[dict[str, Any]]:
    """Points of the model's binary layer in order, without the preflight and the repetitions at the end."""
    return list({json.dumps(r.point): dict(r.point) for r in requests if r.lowering == lowering}.values())


def test_the_search_starts_from_the_records_that_were_named(cli: Cli, tmp_path: Path, asked: list[Request]) -> None:
    record = near_record(tmp_path / "records")
    arguments = ("tune", MODEL, "--tasks", "conv", "--threads", "1", "--trials", "16", "--work-dir", tmp_path / "w")
    assert cli(*arguments, "--records", tmp_path / "records").code == 0
    setting = Setting(Conv2d(1, 4, 6, 64, 64), HOST, 1)
    adapted = rows_for(setting.operator, HOST)[0].space.nearest(setting, record.point)
    assert tried(asked, record.lowering)[1] == adapted.to_dict()
    asked.clear()
    assert cli(*arguments, "--fresh").code == 0
    assert adapted.to_dict() not in tried(asked, record.lowering)[:2]


def test_records_of_the_work_dir_are_starts_until_a_fresh_beginning(
    cli: Cli, tmp_path: Path, asked: list[Request]
) -> None:
    record = near_record(tmp_path / "w" / "records")
    arguments = ("tune", MODEL, "--tasks", "conv", "--threads", "1", "--trials", "16", "--work-dir", tmp_path / "w")
    assert cli(*arguments, "--fresh").code == 0
    fresh = tried(asked, record.lowering)[1]
    asked.clear()
    near_record(tmp_path / "v" / "records")
    assert cli(*arguments[:-1], tmp_path / "v").code == 0
    assert tried(asked, record.lowering)[1] != fresh


def test_no_such_folder_of_records(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("tune", MODEL, "--records", tmp_path / "none", "--work-dir", tmp_path / "w")
    assert code == 2
    assert "--records: expected a folder" in err
    assert not (tmp_path / "w").exists()


def test_ties_are_shown(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Equal(FakeRunner):
        def run(self, request: Request) -> dict[str, Any]:
            return {"run_secs": [1e-4] * 3}

    monkeypatch.setattr(runners, "LocalRunner", Equal)
    arguments = ("tune", MODEL, "--work-dir", tmp_path / "w", "--trials", "12")
    (conv,) = json.loads(cli(*arguments, "--tasks", "conv", "--format", "json").out)["tasks"]
    assert conv["tie"] is True
    assert conv["lowering"] == conv["lowerings"][0]
    assert set(conv["runner_up"]) == {"lowering", "point", "median_ms"}
    assert sum(arm["trials"] for arm in conv["arms"]) == conv["trials"]
    assert [arm["lowering"] for arm in conv["arms"]] == conv["lowerings"]
    table = cli(*arguments, "--tasks", "conv").out
    assert "ties with" in table
    alone = conv["runner_up"]["lowering"] == conv["lowering"]
    assert ("another point" if alone else conv["runner_up"]["lowering"]) in table
