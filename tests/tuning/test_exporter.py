"""What goes out and what the work dir knows of it; candidates are not really built here."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.fakes import CONV, TARGET, WIDE, seconds_of, tasks, trial
from tests.tuning.offline import Build, builds, machine, quick_builders, write_results
from tvm_bnn.errors import NoCandidateError, ToolchainError, UsageError
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning import exporter
from tvm_bnn.tuning.exporter import Exported, Exporter
from tvm_bnn.tuning.exports import held_exports, new_batch
from tvm_bnn.tuning.imports import import_results
from tvm_bnn.tuning.journal import Journal, Trial
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.tuner import Settings
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request


@pytest.fixture
def building(monkeypatch: pytest.MonkeyPatch) -> Callable[[Build], None]:
    """Has candidates built in another way."""

    def set_up(build: Build) -> None:
        monkeypatch.setattr(exporter, "builders", quick_builders(build))

    set_up(builds)
    return set_up


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    (tmp_path / "w").mkdir()
    return WorkDir(tmp_path / "w")


def export(work: WorkDir, folder: Path, trials: int, *operators: Operator, told: list[Any] | None = None) -> Exported:
    batch = new_batch("net 32x32", TARGET, 2, versions())
    said = [] if told is None else told
    sender = Exporter(tasks(*operators or (CONV,)), work, TARGET, batch, Settings(trials, seed=3))
    return sender.run(folder, 30, lambda done, total: said.append((done, total)))


def keys(work: WorkDir) -> list[str]:
    return [Point.from_dict(sent.point).key for held in held_exports(work) for sent in held.sent.values()]


@pytest.mark.usefixtures("building")
def test_what_goes_out(tmp_path: Path, work: WorkDir) -> None:
    told: list[Any] = []
    found = export(work, tmp_path / "d", 10, CONV, WIDE, told=told)
    assert Counter(proposal.state.task.operator for proposal in found.sent) == {CONV: 5, WIDE: 5}
    assert told == [(number, 10) for number in range(1, 11)]
    lines = [json.loads(line) for line in (tmp_path / "d" / "candidates.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(10))
    assert [line["task"] for line in lines] == [0] * 5 + [1] * 5
    assert [line["default"] for line in lines] == [True, *[False] * 4] * 2
    assert all(line["label"].endswith(line["lowering"]) for line in lines)
    batch = json.loads((tmp_path / "d" / "batch.json").read_text())
    (held,) = held_exports(work)
    assert (held.id, held.folder) == (batch["id"], str(tmp_path / "d"))
    assert list(held.sent) == list(range(10))
    assert (batch["timeout"], batch["needs"]["threads"]) == (30, 2)
    assert Journal(work.journal).open().trials == []


@pytest.mark.usefixtures("building")
def test_the_number_of_trials_is_a_total_with_what_is_out(tmp_path: Path, work: WorkDir) -> None:
    Journal(work.journal).append(trial(operator=CONV.signature))
    assert len(export(work, tmp_path / "d", 5).sent) == 4
    assert len(export(work, tmp_path / "e", 12).sent) == 7
    assert len(set(keys(work))) == 11
    with pytest.raises(UsageError, match="of 12 trials the work dir holds 1 and awaits 11") as refused:
        export(work, tmp_path / "f", 12)
    assert "--trials" in str(refused.value.hint)
    assert not (tmp_path / "f").exists()


def test_what_cannot_be_built_is_a_trial(tmp_path: Path, work: WorkDir, building: Callable[[Build], None]) -> None:
    def odd(number: int, request: Request) -> dict[str, Any]:
        return {"failure": "build", "message": "no"} if number % 2 else builds(number, request)

    building(odd)
    found = export(work, tmp_path / "d", 5)
    assert (len(found.sent), len(found.failed)) == (3, 2)
    trials = Journal(work.journal).open().trials
    assert [entry.failure for entry in trials] == ["build"] * 2
    (held,) = held_exports(work)
    assert list(held.sent) == [0, 2, 4]
    assert {Point.from_dict(entry.point).key for entry in trials}.isdisjoint(keys(work))


def test_nothing_built_leaves_nothing(tmp_path: Path, work: WorkDir, building: Callable[[Build], None]) -> None:
    building(lambda number, request: {"failure": "build", "message": "no such instruction"})
    with pytest.raises(NoCandidateError, match="none of 3 candidates could be built: build: no such instruction"):
        export(work, tmp_path / "d", 3)
    assert not (tmp_path / "d").exists()
    assert held_exports(work) == []
    assert len(Journal(work.journal).open().trials) == 3


@pytest.mark.parametrize("error", [ToolchainError("no linker"), KeyboardInterrupt()])
def test_an_end_before_the_first(
    tmp_path: Path, work: WorkDir, building: Callable[[Build], None], error: BaseException
) -> None:
    def stop(number: int, request: Request) -> dict[str, Any]:
        raise error

    building(stop)
    if isinstance(error, KeyboardInterrupt):
        assert export(work, tmp_path / "d", 3).interrupted
    else:
        with pytest.raises(ToolchainError):
            export(work, tmp_path / "d", 3)
    assert not (tmp_path / "d").exists()
    assert held_exports(work) == []


def test_an_interruption_keeps_what_was_built(tmp_path: Path, work: WorkDir, building: Callable[[Build], None]) -> None:
    def impatient(number: int, request: Request) -> dict[str, Any]:
        if number == 2:
            raise KeyboardInterrupt
        return builds(number, request)

    building(impatient)
    found = export(work, tmp_path / "d", 8)
    assert found.interrupted
    assert len(found.sent) == len(keys(work)) == 2
    building(builds)
    assert len(export(work, tmp_path / "e", 8).sent) == 6
    assert len(set(keys(work))) == 8


@pytest.mark.usefixtures("building")
def test_the_search_goes_on_from_what_came_back(tmp_path: Path, work: WorkDir) -> None:
    """Evolution and its model are taught with trials of another machine: nothing new without them."""

    def later(came_back: bool) -> list[str]:
        place = tmp_path / str(came_back)
        place.mkdir()
        mine = WorkDir(place)
        export(mine, place / "one", 20)
        (held,) = held_exports(mine)
        for sent in held.sent.values() if came_back else ():
            wanted = Request(sent.operator, TARGET.name, 2, sent.lowering, sent.point)
            Journal(mine.journal).append(Trial(**sent.model_dump(), threads=2, run_secs=[seconds_of(wanted)]))
        if came_back:
            next((place / "exports").iterdir()).unlink()
        export(mine, place / "two", 36)
        return keys(mine)[-16:]

    assert later(True) != later(False)


@pytest.mark.usefixtures("building")
def test_results_are_matched_by_the_work_dir(tmp_path: Path, work: WorkDir) -> None:
    export(work, tmp_path / "d", 4)
    (held,) = held_exports(work)
    lines = [{"number": 1, "machine": "m", "run_secs": [1e-3], "batch": held.id}]
    facts = machine(features=sorted(TARGET.requires))
    write_results(tmp_path / "d", lines, facts)
    path = tmp_path / "d" / "results.jsonl"
    path.write_text(path.read_text().replace("0123456789abcdef", held.id))
    imported = import_results(tmp_path / "d", held, work, TARGET)
    (only,) = imported.trials
    assert only.point == held.sent[1].point
    assert imported.missing == 3
    # What came back no longer waits; what is missing still does.
    assert len(export(work, tmp_path / "e", 5).sent) == 1
