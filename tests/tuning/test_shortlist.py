from dataclasses import replace

import pytest

from tests.tuning.fakes import CONV, TARGET, record, rivals, tasks, trial
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.records import RecordBook
from tvm_bnn.tuning.shortlist import shortlist
from tvm_bnn.tuning.starts import starts
from tvm_bnn.tuning.state import TaskState

TASK = rivals(CONV, "popcount-lanes", "another")
ARM = TASK.arms[0]
DEFAULT = ARM.default
TILES = ARM.row.space.tiles(ARM.setting)
A, B, C, D = (Point(tile, DEFAULT.variant) for tile in TILES[:4])


def estimated(point: Point, seconds: float, lowering: str = "popcount-lanes") -> Trial:
    return trial(point=point.to_dict(), lowering=lowering, run_secs=[seconds], evidence="estimated")


def held(*trials: Trial) -> TaskState:
    state = TaskState(TASK)
    state.take(list(trials))
    return state


def test_the_least_wins_and_what_is_near_is_kept() -> None:
    found = shortlist(held(estimated(A, 1.12), estimated(B, 1.0), estimated(C, 1.05), estimated(D, 1.09, "another")))
    assert found is not None
    line = found.line
    assert (found.point, line.evidence, line.runs, line.trials) == (B, "estimated", 1, 4)
    assert (line.p5_ms, line.median_ms, line.p95_ms) == (1000.0, 1000.0, 1000.0)
    close = [(entry.lowering, Point.from_dict(entry.point), entry.median_ms) for entry in line.finalists]
    assert close == [("popcount-lanes", C, 1050.0), ("another", D, pytest.approx(1090.0))]
    assert line.tie
    assert line.runner_up == line.finalists[0]


def test_alone_there_is_no_tie() -> None:
    found = shortlist(held(estimated(A, 2.0), estimated(B, 1.0)))
    assert found is not None
    assert (found.line.finalists, found.line.tie) == ([], False)
    assert found.line.runner_up is not None


def test_the_default_is_named_and_equals_go_to_the_first() -> None:
    found = shortlist(held(estimated(DEFAULT, 1.0, "another"), estimated(DEFAULT, 1.0)))
    assert found is not None
    assert (found.lowering, found.line.default_ms) == ("popcount-lanes", 1000.0)


def test_no_valid_trial_no_record() -> None:
    assert shortlist(held()) is None
    assert shortlist(held(trial(failure="wrong", message="x", evidence="estimated"))) is None


def test_the_machine_is_a_model() -> None:
    modelled = replace(TARGET, core="cortex-a72")
    (task,) = tasks(CONV, target=modelled)
    state = TaskState(task)
    state.take([estimated(DEFAULT, 1.0)])
    found = shortlist(state)
    assert found is not None
    assert found.line.machine == "model of cortex-a72"


def test_a_board_tries_the_finalists_first() -> None:
    """Best first, and before the point that won by the model is tried again."""
    contender = {"lowering": "popcount-lanes", "point": C.to_dict(), "median_ms": 1.01}
    near = {"lowering": "popcount-lanes", "point": B.to_dict(), "median_ms": 1.0}
    other = {"lowering": "another", "point": D.to_dict(), "median_ms": 0.5}
    estimate = record(point=A.to_dict(), evidence="estimated", finalists=[contender, near, other])
    book = RecordBook(TARGET, [[estimate]])
    assert starts(ARM, book, []) == [B, C, A]
    elsewhere = replace(CONV, height=12)
    assert starts(tasks(elsewhere)[0].arms[0], book, [])[1:] == []
