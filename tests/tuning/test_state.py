import math

import pytest

from tests.tuning.fakes import CONV, TARGET, WIDE, rivals, tasks, trial
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.state import TaskState, median_seconds
from tvm_bnn.tuning.task import Task, extract_tasks

(TASK,) = tasks(CONV)
DEFAULT = TASK.arms[0].default
FAILED = trial(failure="build", message="no")


def held(task: Task, *trials: Trial) -> TaskState:
    state = TaskState(task)
    state.take(list(trials))
    return state


def told(lowering: str, *seconds: float | None) -> list[Trial]:
    """Trials of a lowering; None for one that failed."""
    return [
        trial(lowering=lowering, failure="wrong") if time is None else trial(lowering=lowering, run_secs=[time])
        for time in seconds
    ]


def test_nothing_is_known_at_first() -> None:
    state = TaskState(TASK)
    assert (state.best_ms, state.best_gops, state.best, state.valid) == (None, None, None, [])
    assert state.worth == math.inf


def test_a_point_that_the_space_does_not_have_is_strange() -> None:
    odd, state = {"tile": [7, 7], "order": "sideways"}, TaskState(TASK)
    assert state.is_strange(trial(point=odd))
    assert not state.is_strange(trial(point=odd, lowering="another"))
    assert not state.is_strange(trial(point=DEFAULT.to_dict()))


def test_the_median_decides_who_is_fastest() -> None:
    lucky, steady = trial(run_secs=[0.1, 0.9, 0.9]), trial(run_secs=[0.5, 0.4, 0.6], point=DEFAULT.to_dict())
    state = held(TASK, FAILED, lucky, steady)
    assert state.valid == [steady, lucky]
    assert state.best == steady
    assert state.best_ms == 500.0
    # 6 x 10 pixels, 64 x 64 channels, 9 taps, two operations each, in half a second.
    assert state.best_gops == pytest.approx(2 * 60 * 64 * 64 * 9 / 0.5 / 1e9)
    assert median_seconds(FAILED) == math.inf


def test_failures_by_kind() -> None:
    assert held(TASK, FAILED, trial(failure="wrong"), trial(), FAILED).failures == {"build": 2, "wrong": 1}


def test_trials_of_others_are_not_taken() -> None:
    others = (trial(threads=1), trial(lowering="gone"), trial(space_version=99), trial(operator=WIDE.signature))
    assert held(TASK, *others).trials == []


def test_worth_is_time_spent_and_falls_with_trials() -> None:
    once, thrice = extract_tasks([("a", CONV), *(("b", WIDE),) * 3], TARGET, 2)
    a, b = trial(run_secs=[1.0]), trial(operator=WIDE.signature, run_secs=[1.0])
    assert held(thrice, b).worth == 3 * held(once, a).worth
    assert held(once, a).worth > held(once, a, a).worth
    assert held(once, trial(run_secs=[2.0])).worth > held(once, a).worth
    assert held(once, FAILED).worth == 0


@pytest.mark.parametrize(
    ("times", "following"),
    [
        ({}, "a"),
        ({"a": [1.0]}, "b"),
        ({"a": [1.0], "b": [1.1]}, "c"),
        # Twice as slow is hopeless at once.
        ({"a": [1.0], "b": [2.1], "c": [2.1]}, "a"),
        # Nearly as fast is tried again, once the leader has shown what it can.
        ({"a": [1.0], "b": [1.2], "c": [2.1]}, "a"),
        ({"a": [1.0, 1.0], "b": [1.2], "c": [2.1]}, "b"),
        ({"a": [1.0, 1.0], "b": [1.2, 1.2], "c": [2.1]}, "a"),
        # A failure loses against anything that works.
        ({"a": [1.0], "b": [None], "c": [None]}, "a"),
        # While nothing works they take turns.
        ({"a": [None, None], "b": [None], "c": [None, None]}, "b"),
        ({"a": [None, None], "b": [None, 1.0], "c": [None, None]}, "b"),
    ],
)
def test_who_is_next(times: dict[str, list[float | None]], following: str) -> None:
    state = held(rivals(CONV, "a", "b", "c"), *(one for name, each in times.items() for one in told(name, *each)))
    arm = state.next_arm()
    assert arm is not None
    assert arm.arm.lowering == following


def test_a_busy_moment_does_not_end_a_lowering() -> None:
    disturbed = trial(lowering="b", run_secs=[1.1, 3.0, 3.0])
    state = held(rivals(CONV, "a", "b"), *told("a", 1.0, 1.0), disturbed)
    assert state.next_arm() is state.arms[1]


def test_nobody_is_next_when_the_rest_is_hopeless() -> None:
    state = held(rivals(CONV, "a", "b"), *told("a", 1.0), *told("b", 3.0))
    state.arms[0].exhausted = True
    assert state.next_arm() is None


def test_starts_are_the_default_then_the_transferred() -> None:
    (arm,) = held(TASK).arms
    tiles = TASK.row.space.tiles(TASK.setting)
    other = Point(next(tile for tile in tiles if tile != DEFAULT.tile), DEFAULT.variant)
    arm.starts = [other, DEFAULT]
    assert arm.untried_starts() == [DEFAULT, other]
    arm.trials.append(trial(point=DEFAULT.to_dict()))
    assert arm.untried_starts() == [other]
