import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tuning.fakes import (
    CONV,
    DOTTED,
    TARGET,
    WIDE,
    FakeRunner,
    Outcome,
    measured,
    record,
    seconds_of,
    tasks,
    trial,
)
from tests.tuning.runs import (
    Shuffled,
    after,
    failing,
    finished,
    points,
    raises_no_candidate,
    records,
    told,
    tune,
)
from tvm_bnn.errors import ToolchainError
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning import events
from tvm_bnn.tuning import tuner as tuner_module
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.records import read_records, write_records
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request


@pytest.fixture
def real_search(request: pytest.FixtureRequest) -> None:
    """Asked for by the tests that need it."""


@pytest.fixture(autouse=True)
def _quick_search(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_search" not in request.fixturenames:
        monkeypatch.setattr(tuner_module, "Search", Shuffled)


def test_a_run_from_start_to_end(tmp_path: Path) -> None:
    happened = tune(tmp_path, FakeRunner(), 20)
    assert [type(event) for event in happened[:2]] == [events.Opened, events.Preflight]
    assert [event.done for event in told(happened)] == list(range(1, 21))
    assert {event.total for event in told(happened)} == {20}
    assert all(event.eta >= 0 for event in told(happened))
    assert isinstance(happened[-2], events.Settling)
    assert not finished(happened).interrupted
    assert len(set(points(tmp_path))) == 20


def test_the_fastest_becomes_the_record_and_the_default_is_told(tmp_path: Path) -> None:
    happened = tune(tmp_path, FakeRunner(), 20)
    (kept,) = records(tmp_path)
    assert [r.point for r in finished(happened).records] == [kept.point]
    (state,) = finished(happened).states
    tried = {Point.from_dict(t.point).key: t.run_secs[0] for t in state.trials if t.run_secs}
    default = state.task.arms[0].default.key
    assert kept.point.key == min(tried, key=lambda key: tried[key])
    assert kept.line.median_ms == pytest.approx(min(tried.values()) * 1e3)
    assert kept.line.default_ms == pytest.approx(tried[default] * 1e3)
    assert kept.line.trials == 20
    assert kept.line.runs == 12
    assert points(tmp_path)[0] == default


def test_the_number_of_trials_is_a_total(tmp_path: Path) -> None:
    tune(tmp_path, FakeRunner(), 8)
    again = tune(tmp_path, FakeRunner(), 20)
    assert isinstance(again[0], events.Opened)
    assert again[0].held == 8
    assert [event.done for event in told(again)] == list(range(9, 21))
    before = WorkDir(tmp_path).journal.read_bytes()
    assert len(set(points(tmp_path))) == 20
    done = tune(tmp_path, FakeRunner(), 20)
    assert told(done) == []
    assert not any(isinstance(event, events.Preflight) for event in done)
    assert WorkDir(tmp_path).journal.read_bytes() == before
    assert len(records(tmp_path)) == 1


def test_same_seed_same_points(tmp_path: Path) -> None:
    """As far as the tuner goes; for the search see there."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / name).mkdir()
        tune(tmp_path / name, FakeRunner(), 40, CONV, WIDE, seed=seed)
    assert points(tmp_path / "a") == points(tmp_path / "b")
    assert points(tmp_path / "a") != points(tmp_path / "c")
    assert records(tmp_path / "a") == records(tmp_path / "b")


def test_every_trial_is_journalled_before_the_next_starts(tmp_path: Path) -> None:
    runner, held = FakeRunner(), []

    def answer(request: Request) -> Outcome:
        held.append(len(points(tmp_path)))
        return measured(request)

    runner.answer = answer
    tune(tmp_path, runner, 18)
    assert held[:19] == [0, *range(18)]
    asked = [Point.from_dict(request.point).key for request in runner.requests]
    assert asked[1:19] == points(tmp_path)


def test_failures_are_counted_by_kind_and_never_win(tmp_path: Path) -> None:
    default = tasks(WIDE)[0].arms[0].default

    def answer(request: Request) -> Outcome:
        if request.point["order"] != default.variant["order"]:
            return {"failure": "wrong", "message": "stream[0]: expected 1, got 2"}
        if request.point["unroll"] != default.variant["unroll"]:
            return {"failure": "timeout", "message": "not finished"}
        return measured(request)

    happened = tune(tmp_path, FakeRunner(answer), 24, WIDE)
    (state,) = finished(happened).states
    assert set(state.failures) == {"wrong", "timeout"}
    orders = Counter(entry.point["order"] for entry in state.trials)
    assert state.failures["wrong"] == 24 - orders[default.variant["order"]]
    assert len(state.valid) + sum(state.failures.values()) == 24
    assert all(entry.message for entry in state.trials if entry.failure)
    assert records(tmp_path)[0].point.variant == default.variant


def test_an_interrupt_keeps_what_there_is(tmp_path: Path) -> None:
    happened = tune(tmp_path, FakeRunner(after(1 + 5)), 40, CONV, WIDE)
    last = finished(happened)
    assert last.interrupted
    assert len(points(tmp_path)) == 5
    (kept,) = last.records
    assert [r.point for r in records(tmp_path)] == [kept.point]
    times = dict(_times(CONV, points(tmp_path)))
    assert kept.point.key == min(times, key=lambda key: times[key])
    assert kept.line.trials == 5
    resumed = tune(tmp_path, FakeRunner(), 40, CONV, WIDE)
    assert not finished(resumed).interrupted
    assert len(points(tmp_path)) == 40
    assert len(records(tmp_path)) == 2


def _times(operator: Operator, keys: list[str]) -> Iterator[tuple[str, float]]:
    for key in keys:
        yield key, seconds_of(Request(operator.signature, "", 1, "", json.loads(key)))


@pytest.mark.parametrize("calls", [0, 1, 1 + 12, 1 + 12 + 2])
def test_an_interrupt_at_any_time(tmp_path: Path, calls: int) -> None:
    """In the preflight, before the first trial, and while the winners are settled."""
    happened = tune(tmp_path, FakeRunner(after(calls)), 12)
    assert finished(happened).interrupted
    assert len(points(tmp_path)) == min(12, max(0, calls - 1))
    assert len(records(tmp_path)) == (calls > 1)


def test_an_interrupt_of_a_resumed_run_loses_no_record(tmp_path: Path) -> None:
    tune(tmp_path, FakeRunner(), 6)
    before = records(tmp_path)[0]
    happened = tune(tmp_path, FakeRunner(after(0)), 12)
    assert finished(happened).interrupted
    assert records(tmp_path)[0].point == before.point


@pytest.mark.parametrize("calls", [1 + 5, 1 + 12 + 2])
def test_nothing_left_to_measure_on_keeps_what_there_is(tmp_path: Path, calls: int) -> None:
    """Between trials, and while the winners are settled."""
    left = itertools.count()

    def answer(request: Request) -> Outcome:
        if next(left) >= calls:
            raise ToolchainError("expected a board, got none")
        return measured(request)

    with pytest.raises(ToolchainError, match="expected a board"):
        tune(tmp_path, FakeRunner(answer), 12)
    assert len(points(tmp_path)) == min(12, calls - 1)
    assert len(records(tmp_path)) == 1


def test_estimates_and_measurements_share_a_work_dir_and_nothing_else(tmp_path: Path) -> None:
    tune(tmp_path, FakeRunner(evidence="estimated"), 6)
    happened = tune(tmp_path, FakeRunner(), 8)
    (opened,) = (event for event in happened if isinstance(event, events.Opened))
    assert opened.held == 0
    journal = [json.loads(line)["evidence"] for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert Counter(journal) == {"estimated": 6, "measured": 8}
    (estimate,), _ = read_records(tmp_path / "records" / "estimated.jsonl")
    assert (estimate.line.evidence, estimate.line.runs, estimate.line.trials) == ("estimated", 3, 6)
    assert records(tmp_path)[0].line.evidence == "measured"


def test_a_task_without_a_valid_candidate(tmp_path: Path) -> None:
    runner = FakeRunner(failing("build", "no such thing", lambda request: request.operator == WIDE.signature))
    with raises_no_candidate("no such thing"):
        tune(tmp_path, runner, 24, CONV, WIDE)
    assert [kept.operator for kept in records(tmp_path)] == [CONV]
    assert len(points(tmp_path)) == 24


def test_the_first_cause_is_named(tmp_path: Path) -> None:
    causes = iter(["the first", *["another"] * 100])

    def answer(request: Request) -> Outcome:
        if request.operator == CONV.signature:
            return measured(request)
        return {"failure": "crash", "message": next(causes)}

    with raises_no_candidate("crash: the first"):
        tune(tmp_path, FakeRunner(answer), 20, CONV, WIDE)


def test_winners_that_turn_out_wrong_are_no_records(tmp_path: Path) -> None:
    asked = itertools.count()

    def when(request: Request) -> bool:
        """Right in the preflight and in the 24 trials, wrong when the finalists are measured again."""
        return next(asked) > 24 and request.operator == WIDE.signature

    with raises_no_candidate("wrong: stream"):
        tune(tmp_path, FakeRunner(failing("wrong", "stream[0]: expected 1, got 2", when)), 24, CONV, WIDE)
    assert [kept.operator for kept in records(tmp_path)] == [CONV]


def test_a_preflight_that_fails(tmp_path: Path) -> None:
    runner = FakeRunner(failing("wrong", "stream[0]: expected 1, got 2", lambda request: True))
    with raises_no_candidate("preflight.*wrong.*expected 1, got 2"):
        tune(tmp_path, runner, 12)
    assert len(runner.requests) == 1
    assert points(tmp_path) == []


@pytest.mark.usefixtures("real_search")
def test_a_small_space_ends_early(tmp_path: Path) -> None:
    (task,) = tasks(DOTTED)
    happened = tune(tmp_path, FakeRunner(), 500, DOTTED)
    assert 1 < task.points < 50
    assert len(points(tmp_path)) == len(set(points(tmp_path))) == task.points
    assert finished(happened).states[0].next_arm() is None
    assert told(tune(tmp_path, FakeRunner(), 500, DOTTED)) == []


def test_trials_go_where_the_time_is_spent(tmp_path: Path) -> None:
    def answer(request: Request) -> Outcome:
        return {"run_secs": [seconds_of(request) * (100 if request.operator == WIDE.signature else 1)]}

    happened = tune(tmp_path, FakeRunner(answer), 80, CONV, WIDE)
    first, second = (len(state.trials) for state in finished(happened).states)
    assert first == 16
    assert second == 64


def test_records_of_other_operators_stay(tmp_path: Path) -> None:
    others = [record(WIDE), record(threads=1)]
    write_records(WorkDir(tmp_path).records / "measured.jsonl", [*others, record(median_ms=77.0)])
    tune(tmp_path, FakeRunner(), 4)
    kept = records(tmp_path)
    assert len(kept) == 3
    assert [r for r in kept if r in others] == [r for r in kept if r.operator == WIDE or r.line.threads == 1]
    assert 77.0 not in {r.line.median_ms for r in kept}


def test_trials_of_other_tasks_do_not_count(tmp_path: Path) -> None:
    journal = Journal(WorkDir(tmp_path).journal)
    for other in (trial(threads=1), trial(space_version=99), trial(operator=WIDE.signature), trial(lowering="gone")):
        journal.append(other)
    happened = tune(tmp_path, FakeRunner(), 4)
    assert isinstance(happened[0], events.Opened)
    assert happened[0].held == 0
    assert len(told(happened)) == 4
    assert len(points(tmp_path)) == 8


def test_a_damaged_journal_is_told_and_used(tmp_path: Path) -> None:
    tune(tmp_path, FakeRunner(), 4)
    path = WorkDir(tmp_path).journal
    path.write_bytes(path.read_bytes()[:-20])
    happened = tune(tmp_path, FakeRunner(), 4)
    assert isinstance(happened[0], events.Opened)
    assert happened[0].held == 3
    assert [number for number, _ in happened[0].damaged] == [4]
    assert len(points(tmp_path)) == 4


def test_without_tasks(tmp_path: Path) -> None:
    tuner = Tuner([], WorkDir(tmp_path), FakeRunner(), Settings(4))
    last = finished(list(tuner.run()))
    assert (last.records, last.interrupted) == ((), False)


def test_requests_name_the_task(tmp_path: Path) -> None:
    runner = FakeRunner()
    tune(tmp_path, runner, 2, seed=5)
    assert {(r.operator, r.target, r.threads, r.lowering, r.seed) for r in runner.requests} == {
        (CONV.signature, TARGET.name, 2, "popcount-lanes", 5)
    }


def test_trials_whose_points_no_space_has_stay_and_do_not_count(tmp_path: Path) -> None:
    tune(tmp_path, FakeRunner(), 4)
    journal = Journal(WorkDir(tmp_path).journal)
    strange = journal.open().trials[0].model_copy(update={"point": {"tile": [7], "order": "sideways"}})
    journal.append(strange.model_copy(update={"run_secs": [1e-9]}))
    happened = tune(tmp_path, FakeRunner(), 6)
    assert isinstance(happened[0], events.Opened)
    assert (happened[0].held, happened[0].strange) == (4, 1)
    assert len(journal.open().trials) == 7
    assert records(tmp_path)[0].line.point != strange.point
