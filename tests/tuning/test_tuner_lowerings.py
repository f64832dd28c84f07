"""How the tuner shares trials among the lowerings of one operator."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning.fakes import (
    CONV,
    TARGET,
    WIDE,
    FakeRunner,
    Outcome,
    measured,
    record,
    rivals,
    seconds_of,
    tasks,
    trial,
)
from tests.tuning.runs import Answer, Shuffled, finished, points, raises_no_candidate, records, tune
from tvm_bnn.tuning import events
from tvm_bnn.tuning import tuner as tuner_module
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.records import RecordBook
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request


@pytest.fixture(autouse=True)
def _quick_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuner_module, "Search", Shuffled)


def per_arm(happened: list[events.Event]) -> dict[str, int]:
    (state,) = finished(happened).states
    return {arm.arm.lowering: len(arm.trials) for arm in state.arms}


def speeds(**factors: float | None) -> Answer:
    """Times of :func:`measured`, narrowed to 10 % of spread, times a factor by lowering; None where it fails."""

    def answer(request: Request) -> Outcome:
        factor = factors[request.lowering]
        if factor is None:
            return {"failure": "build", "message": f"no {request.lowering}"}
        return {"run_secs": [(10 + 1e3 * seconds_of(request)) / 11 * factor * 1e-3] * 3}

    return answer


def test_losing_lowerings_cost_a_trial_or_two(tmp_path: Path) -> None:
    """The second is twice as fast as the first, the third always fails, the fourth is somewhat slower."""
    happened = tune(tmp_path, FakeRunner(speeds(a=2.0, b=1.0, c=None, d=1.6)), 20, rivals(WIDE, "a", "b", "c", "d"))
    spent = per_arm(happened)
    assert spent["c"] == 1
    assert spent["a"] <= 2
    assert spent["d"] <= 2
    assert spent["b"] == 20 - spent["a"] - spent["c"] - spent["d"]
    (kept,) = records(tmp_path)
    assert kept.lowering == "b"
    assert kept.line.trials == 20


def test_lowerings_that_are_close_share_the_trials(tmp_path: Path) -> None:
    spent = per_arm(tune(tmp_path, FakeRunner(speeds(a=1.0, b=1.01)), 24, rivals(WIDE, "a", "b")))
    assert min(spent.values()) >= 4
    assert sum(spent.values()) == 24


def test_the_same_seed_spends_the_same(tmp_path: Path) -> None:
    task, runs = rivals(WIDE, "a", "b", "c"), []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        tune(tmp_path / name, FakeRunner(speeds(a=1.0, b=1.05, c=1.3)), 30, task)
        runs.append(
            [(entry.lowering, entry.point) for entry in Journal(WorkDir(tmp_path / name).journal).open().trials]
        )
    assert runs[0] == runs[1]


def test_a_lowering_that_fails_is_no_error_while_another_works(tmp_path: Path) -> None:
    happened = tune(tmp_path, FakeRunner(speeds(a=None, b=1.0)), 12, rivals(WIDE, "a", "b"))
    assert any(isinstance(event, events.Preflight) for event in happened)
    assert per_arm(happened) == {"a": 1, "b": 11}
    assert records(tmp_path)[0].lowering == "b"
    assert finished(happened).states[0].failures == {"build": 1}


def test_it_is_an_error_where_every_lowering_fails(tmp_path: Path) -> None:
    def answer(request: Request) -> Outcome:
        return measured(request) if request.operator == CONV.signature else speeds(a=None, b=None)(request)

    with raises_no_candidate("no valid candidate for conv2d 3x3 64->128 .*build: no a"):
        tune(tmp_path, FakeRunner(answer), 24, CONV, rivals(WIDE, "a", "b"))
    assert {entry.lowering for entry in Journal(WorkDir(tmp_path).journal).open().trials} == {
        "popcount-lanes",
        "a",
        "b",
    }


def test_a_preflight_where_every_lowering_fails_names_the_first(tmp_path: Path) -> None:
    with raises_no_candidate(r"preflight.*failed \(build\): no a"):
        tune(tmp_path, FakeRunner(speeds(a=None, b=None)), 12, rivals(WIDE, "a", "b"))


def test_trials_of_earlier_runs_count_for_their_lowering(tmp_path: Path) -> None:
    task, answer = rivals(WIDE, "a", "b"), speeds(a=1.0, b=3.0)
    tune(tmp_path, FakeRunner(answer), 10, replace(task, arms=task.arms[:1]))
    happened = tune(tmp_path, FakeRunner(answer), 14, task)
    assert isinstance(happened[0], events.Opened)
    assert happened[0].held == 10
    assert per_arm(happened) == {"a": 13, "b": 1}
    assert len(records(tmp_path)) == 1


def test_the_point_of_a_near_record_is_tried_after_the_default(tmp_path: Path) -> None:
    near = record(replace(CONV, height=7), point={"tile": [1, 2, 4], "order": "pixels", "unroll": 1})
    book = RecordBook(TARGET, [[near]])
    tune(tmp_path, FakeRunner(), 4, CONV, book=book)
    (task,) = tasks(CONV)
    adapted = task.row.space.nearest(task.setting, near.point)
    assert points(tmp_path)[:2] == [task.arms[0].default.key, adapted.key]
    (tmp_path / "late").mkdir()
    Journal(WorkDir(tmp_path / "late").journal).append(trial(point=task.arms[0].default.to_dict()))
    tune(tmp_path / "late", FakeRunner(), 2, CONV, book=book)
    assert points(tmp_path / "late")[1] == adapted.key


def test_slow_candidates_need_not_be_measured_to_the_end(tmp_path: Path) -> None:
    """Nothing is known before the first; then one and a half times the best so far is the limit."""
    runner = FakeRunner()
    tune(tmp_path, runner, 5)
    preflight, first, *others = runner.requests[:6]
    assert (preflight.limit_secs, first.limit_secs) == (None, None)
    times = [seconds_of(request) for request in (first, *others)]
    assert [request.limit_secs for request in others] == [
        pytest.approx(1.5 * min(times[:number])) for number in range(1, 5)
    ]
    assert {request.limit_secs for request in runner.requests[6:]} == {None}
