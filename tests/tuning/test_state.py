import math

import pytest

from tests.tuning.fakes import CONV, TARGET, WIDE, tasks, trial
from tvm_bnn.tuning.state import TaskState, median_seconds
from tvm_bnn.tuning.task import extract_tasks

(TASK,) = tasks(CONV)
DEFAULT = TASK.row.space.default(TASK.setting).to_dict()
FAILED = trial(failure="build", message="no")


def test_nothing_is_known_at_first() -> None:
    state = TaskState(TASK, [])
    assert (state.best_ms, state.best_gops, state.default_ms, state.valid) == (None, None, None, [])
    assert state.worth == math.inf


def test_the_median_decides_who_is_fastest() -> None:
    lucky, steady = trial(run_secs=[0.1, 0.9, 0.9]), trial(run_secs=[0.5, 0.4, 0.6], point=DEFAULT)
    state = TaskState(TASK, [FAILED, lucky, steady])
    assert state.valid == [steady, lucky]
    assert state.best_ms == 500.0
    assert state.default_ms == 500.0
    # 6 x 10 pixels, 64 x 64 channels, 9 taps, two operations each, in half a second.
    assert state.best_gops == pytest.approx(2 * 60 * 64 * 64 * 9 / 0.5 / 1e9)
    assert median_seconds(FAILED) == math.inf


def test_failures_by_kind() -> None:
    state = TaskState(TASK, [FAILED, trial(failure="wrong"), trial(), FAILED])
    assert state.failures == {"build": 2, "wrong": 1}


def test_worth_is_time_spent_and_falls_with_trials() -> None:
    once, thrice = extract_tasks([("a", CONV), *(("b", WIDE),) * 3], TARGET, 2)
    one = [trial(run_secs=[1.0])]
    assert TaskState(thrice, one).worth == 3 * TaskState(once, one).worth
    assert TaskState(once, one).worth > TaskState(once, one * 2).worth
    assert TaskState(once, [trial(run_secs=[2.0])]).worth > TaskState(once, one).worth
    assert TaskState(once, [FAILED]).worth == 0
