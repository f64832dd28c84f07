import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.tuning.fakes import TARGET, WIDE, FakeRunner, Outcome, measured, rivals, tasks, trial
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.records import Contender, RecordLine
from tvm_bnn.tuning.runner import Runner
from tvm_bnn.tuning.settle import settle, versions
from tvm_bnn.tuning.state import TaskState
from tvm_bnn.tuning.task import Arm
from tvm_bnn.tuning.worker import Request

(TASK,) = tasks(WIDE)
DEFAULT = TASK.arms[0].default
FAST, MEDIUM, SLOW = (Point(tile, {"order": "pixels", "unroll": 0}) for tile in TASK.row.space.tiles(TASK.setting)[:3])


def tried(point: Point, *seconds: float, lowering: str = "popcount-lanes") -> Trial:
    return trial(operator=WIDE.signature, lowering=lowering, point=point.to_dict(), run_secs=list(seconds))


def held(*trials: Trial) -> TaskState:
    state = TaskState(TASK)
    state.take(list(trials))
    return state


def state() -> TaskState:
    return held(tried(DEFAULT, 4.0), tried(SLOW, 3.0), tried(FAST, 1.0), tried(MEDIUM, 2.0, 9.0, 1.5))


@dataclass
class Bench:
    """Measures again what it is asked for."""

    answer: Callable[[Request], Outcome]

    def __post_init__(self) -> None:
        self.fake = FakeRunner(self.answer)
        self.runner: Runner = self.fake

    def request(self, arm: Arm, point: Point) -> Request:
        return Request(arm.operator.signature, TARGET.name, 2, arm.lowering, point.to_dict())

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
    assert bench.asked == [FAST.key, MEDIUM.key, DEFAULT.key] * 4
    assert record.point == MEDIUM
    assert (record.line.median_ms, record.line.default_ms) == (2000.0, 4500.0)
    assert (record.line.runs, record.line.trials) == (8, 4)
    assert record.line.versions == versions()
    assert {request.repeat for request in bench.fake.requests} == {5}
    assert {request.limit_secs for request in bench.fake.requests} == {None}


def test_an_interrupted_run_takes_the_trials_as_they_are() -> None:
    record = settle(state(), None)
    assert record is not None
    assert (record.point, record.line.median_ms, record.line.default_ms) == (FAST, 1000.0, 4000.0)


def test_quantiles_belong_to_the_winner() -> None:
    record = settle(held(tried(MEDIUM, *(n / 100 for n in range(1, 102)))), None)
    assert record is not None
    assert (record.line.p5_ms, record.line.median_ms, record.line.p95_ms) == pytest.approx((60.0, 510.0, 960.0))
    assert (record.line.default_ms, record.line.runner_up, record.line.tie) == (None, None, False)


@pytest.mark.parametrize("failure", ["wrong", "memory"])
def test_a_finalist_that_turns_out_wrong_never_wins(failure: str) -> None:
    """Right when it was tried, wrong when it is measured again, be it only once."""
    answers = seconds_by_point(medium=2.0)
    wrong_once = iter([{"failure": failure, "message": "stream[0]: expected 1, got 2"}])

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
    failed = trial(operator=WIDE.signature, failure="build", message="no such thing")
    assert settle(held(failed), Bench(measured)) is None
    assert settle(held(), None) is None


def test_a_machine_that_hangs_leaves_the_first_times() -> None:
    record = settle(state(), Bench(lambda request: {"failure": "timeout", "message": "not finished"}))
    assert record is not None
    assert record.point == FAST


A, B = ("first", "second")


def contest(times: dict[tuple[str, str], list[float]], *trials: Trial) -> RecordLine:
    """The record of two lowerings whose finalists measure ``times`` by (lowering, point key)."""
    state = TaskState(rivals(WIDE, A, B))
    state.take(list(trials))
    turns = {key: itertools.cycle(seconds) for key, seconds in times.items()}

    def answer(request: Request) -> Outcome:
        mine = turns[request.lowering, Point.from_dict(request.point).key]
        return {"run_secs": [next(mine) for _ in range(5)]}

    record = settle(state, Bench(answer))
    assert record is not None
    return record.line


def test_lowerings_compete_and_the_loser_stays_as_runner_up() -> None:
    times = {(A, DEFAULT.key): [3.0], (B, FAST.key): [2.0], (B, DEFAULT.key): [2.2]}
    trials = [tried(DEFAULT, 3.0, lowering=A), tried(FAST, 2.0, lowering=B), tried(DEFAULT, 2.2, lowering=B)]
    line = contest(times, *trials)
    assert (line.lowering, line.point, line.median_ms, line.tie) == (B, FAST.to_dict(), 2000.0, False)
    # The default is what zero trials take: that of the preferred lowering.
    assert line.default_ms == 3000.0
    assert line.runner_up == Contender(lowering=B, point=DEFAULT.to_dict(), median_ms=2200.0)


@pytest.mark.parametrize(
    ("second", "winner", "tie"),
    [
        ([0.99, 1.0, 1.01, 1.02, 1.03], A, True),
        ([0.5, 0.5, 0.5, 0.5, 1.05], B, False),
        ([1.5, 1.5, 1.5, 1.5, 0.9], A, False),
    ],
)
def test_times_that_overlap_are_a_tie_and_the_preferred_lowering_wins(
    second: list[float], winner: str, tie: bool
) -> None:
    times = {(A, FAST.key): [1.0, 1.01, 1.02, 1.03, 1.04], (B, FAST.key): second}
    line = contest(times, tried(FAST, 1.0, lowering=A), tried(FAST, 0.9, lowering=B))
    assert (line.lowering, line.tie) == (winner, tie)
    assert line.runner_up is not None
    assert line.runner_up.lowering == ({A, B} - {winner}).pop()


def test_of_two_points_that_tie_the_default_wins() -> None:
    times = {(A, FAST.key): [1.0, 1.1, 1.2], (A, DEFAULT.key): [1.05, 1.15, 1.25]}
    line = contest(times, tried(FAST, 1.0, lowering=A), tried(DEFAULT, 1.1, lowering=A))
    assert (line.point, line.tie) == (DEFAULT.to_dict(), True)
    assert line.default_ms == line.median_ms
    assert line.median_ms == pytest.approx(1150.0)
    assert line.runner_up is not None
    assert line.runner_up.point == FAST.to_dict()


def test_a_lowering_that_comes_near_is_measured_again() -> None:
    """Though two points of another are in front of it."""
    trials = [tried(FAST, 1.0, lowering=A), tried(MEDIUM, 1.01, lowering=A), tried(SLOW, 1.05, lowering=B)]
    times = {(A, FAST.key): [1.2], (A, MEDIUM.key): [1.3], (B, SLOW.key): [0.9]}
    assert contest(times, *trials).lowering == B


def test_a_lowering_far_behind_is_not_measured_again() -> None:
    trials = [tried(FAST, 1.0, lowering=A), tried(MEDIUM, 1.01, lowering=A), tried(SLOW, 1.2, lowering=B)]
    times = {(A, FAST.key): [1.2], (A, MEDIUM.key): [1.3]}
    assert contest(times, *trials).lowering == A
