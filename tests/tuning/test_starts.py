from dataclasses import replace

from tests.tuning.fakes import CONV, TARGET, record, rivals, tasks, trial
from tvm_bnn.ops import Conv2d
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.records import RecordBook
from tvm_bnn.tuning.starts import starts
from tvm_bnn.tuning.state import TaskState

ARM = tasks(CONV)[0].arms[0]
SPACE = ARM.row.space
FIRST, SECOND = (Point(tile, ARM.default.variant) for tile in SPACE.tiles(ARM.setting)[:2])
NEAR, FAR = replace(CONV, height=12), replace(CONV, height=96)


def tried(operator: Conv2d, *points: Point) -> TaskState:
    """A task whose points were tried, each slower than the one before."""
    state = TaskState(tasks(operator)[0])
    state.take(
        [trial(operator=operator.signature, point=p.to_dict(), run_secs=[1.0 + n]) for n, p in enumerate(points)]
    )
    return state


def test_nothing_is_known_of_the_first() -> None:
    assert starts(ARM, None, [TaskState(tasks(CONV)[0])]) == []
    assert starts(ARM, RecordBook(TARGET), []) == []


def test_the_nearest_record_then_the_nearest_task_of_this_run() -> None:
    book = RecordBook(TARGET, [[record(NEAR, point=FIRST.to_dict()), record(FAR, point=SECOND.to_dict())]])
    assert starts(ARM, book, []) == [FIRST]
    states = [tried(FAR, FIRST), tried(NEAR, SECOND, FIRST), tried(CONV, FIRST)]
    assert starts(ARM, None, states) == [SECOND]
    assert starts(ARM, book, states) == [FIRST, SECOND]


def test_points_are_adapted() -> None:
    foreign = Point((1, 96, 1), ARM.default.variant)
    (start,) = starts(ARM, None, [tried(NEAR, foreign)])
    assert start == SPACE.nearest(ARM.setting, foreign)
    assert start.tile in SPACE.tiles(ARM.setting)


def test_other_lowerings_structures_and_failures_lend_nothing() -> None:
    other = rivals(CONV, "another").arms[0]
    assert starts(other, None, [tried(NEAR, FIRST)]) == []
    assert starts(ARM, None, [tried(replace(CONV, stride=(2, 2)), FIRST)]) == []
    failed = TaskState(tasks(NEAR)[0])
    failed.take([trial(operator=NEAR.signature, failure="build")])
    assert starts(ARM, None, [failed]) == []
