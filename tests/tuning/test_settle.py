from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.tuning.fakes import TARGET, WIDE, FakeRunner, Outcome, measured, tasks, trial
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.runner import Runner
from tvm_bnn.tuning.settle import settle, versions
from tvm_bnn.tuning.state import TaskState
from tvm_bnn.tuning.task import Task
from tvm_bnn.tuning.worker import Request

(TASK,) = tasks(WIDE)
DEFAULT = TASK.row.space.default(TASK.setting)
FAST, MEDIUM, SLOW = (Point(tile, {"order": "pixels", "unroll": 0}) for tile in TASK.row.space.tiles(TASK.setting)[:3])


def tried(point: Point, *seconds: float, operator: Operator = WIDE) -> Trial:
    return trial(operator=operator.signature, point=point.to_dict(), run_secs=list(seconds))


def state(*extra: Trial) -> TaskState:
    ordered = [tried(DEFAULT, 4.0), tried(SLOW, 3.0), tried(FAST, 1.0), tried(MEDIUM, 2.0, 9.0, 1.5)]
    return TaskState(TASK, [*ordered, *extra])


@dataclass
class Bench:
    """Measures again what it is asked for."""

    answer: Callable[[Request], Outcome]

    def __post_init__(self) -> None:
        self.fake = FakeRunner(self.answer)
        self.runner: Runner = self.fake

    def request(self, task: Task, point: Point) -> Request:
        return Request(task.operator.signature, TARGET.name, 2, "popcount-lanes", point.to_dict())

    @property
    def asked(self) -> list[str]:
        return [Point.from_dict(request.point).key for request in self.fake.requests]


def seconds_by_point(**overrides: float) -> Callable[[Request], Outcome]:
    names = {FAST.key: "fast", MEDIUM.key: "medium", SLOW.key: "slow", DEFAULT.key: "default"}

    def answer(request: Request) -> Outcome:
        return {"run_secs": [overrides.get(names[Point.from_dict(request.point).key], 5.0)] * 2}

    return answer


def test_the_finalists_are_measured_in_turn_and_a_lucky_one_loses() -> None:
    bench = Bench(seconds_by_point(fast=2.5, medium=2.0, default=4.5))
    record = settle(state(), bench)
    assert record is not None
    assert bench.asked == [FAST.key, MEDIUM.key, DEFAULT.key] * 2
    assert record.point == MEDIUM
    assert (record.line.median_ms, record.line.default_ms) == (2000.0, 4500.0)
    assert (record.line.runs, record.line.trials) == (4, 4)
    assert record.line.versions == versions()
    assert {request.repeat for request in bench.fake.requests} == {10}


def test_an_interrupted_run_takes_the_trials_as_they_are() -> None:
    record = settle(state(), None)
    assert record is not None
    assert (record.point, record.line.median_ms, record.line.default_ms) == (FAST, 1000.0, 4000.0)


def test_quantiles_belong_to_the_winner() -> None:
    record = settle(TaskState(TASK, [tried(MEDIUM, *(n / 100 for n in range(1, 102)))]), None)
    assert record is not None
    assert (record.line.p5_ms, record.line.median_ms, record.line.p95_ms) == pytest.approx((60.0, 510.0, 960.0))
    assert record.line.default_ms is None


def test_a_finalist_that_turns_out_wrong_never_wins() -> None:
    """Right when it was tried, wrong when it is measured again, be it only once."""
    answers = seconds_by_point(medium=2.0)
    wrong_once = iter([{"failure": "wrong", "message": "stream[0]: expected 1, got 2"}])

    def answer(request: Request) -> Outcome:
        is_fast = Point.from_dict(request.point) == FAST
        return next(wrong_once, {"run_secs": [0.1]}) if is_fast else answers(request)

    tuned = state()
    record = settle(tuned, Bench(answer))
    assert record is not None
    assert record.point == MEDIUM
    assert tuned.failures == {"wrong": 1}
    assert FAST.key not in [Point.from_dict(entry.point).key for entry in tuned.valid]


def test_after_wrong_finalists_come_the_next() -> None:
    def answer(request: Request) -> Outcome:
        if Point.from_dict(request.point) == SLOW:
            return {"run_secs": [3.0]}
        return {"failure": "wrong", "message": "stream[0]: expected 1, got 2"}

    record = settle(state(), Bench(answer))
    assert record is not None
    assert (record.point, record.line.default_ms) == (SLOW, None)


def test_no_record_where_all_turn_out_wrong() -> None:
    tuned = state()
    assert settle(tuned, Bench(lambda request: {"failure": "wrong", "message": "all of it"})) is None
    assert tuned.valid == []
    assert {entry.message for entry in tuned.trials} == {"all of it"}


def test_no_record_without_valid_trials() -> None:
    failed = trial(failure="build", message="no such thing")
    assert settle(TaskState(TASK, [failed]), Bench(measured)) is None
    assert settle(TaskState(TASK), None) is None


def test_a_machine_that_hangs_leaves_the_first_times() -> None:
    record = settle(state(), Bench(lambda request: {"failure": "timeout", "message": "not finished"}))
    assert record is not None
    assert record.point == FAST
