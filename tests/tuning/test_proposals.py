from collections import Counter
from dataclasses import replace

import pytest

from tests.tuning.fakes import CONV, DOTTED, WIDE, record, rivals, tasks, trial
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.proposals import Proposals
from tvm_bnn.tuning.records import RecordBook
from tvm_bnn.tuning.state import TaskState
from tvm_bnn.tuning.task import Task


def states(*found: Task) -> list[TaskState]:
    return [TaskState(replace(task, index=index)) for index, task in enumerate(found)]


def proposals(found: list[TaskState], book: RecordBook | None = None, seed: int = 0) -> Proposals:
    return Proposals(found, book, {}, seed)


def test_the_first_round_is_shared_evenly() -> None:
    found = list(proposals(states(*tasks(CONV), *tasks(WIDE))).take(10))
    assert Counter(entry.state.task.operator for entry in found) == {CONV: 5, WIDE: 5}
    assert len({(entry.state.task.index, entry.point.key) for entry in found}) == 10


def test_lowerings_take_turns_and_begin_with_their_defaults() -> None:
    (state,) = states(rivals(CONV, "one", "two", "three"))
    found = list(proposals([state]).take(7))
    assert Counter(entry.arm.arm.lowering for entry in found) == {"one": 3, "two": 2, "three": 2}
    assert all(entry.point == entry.arm.arm.default for entry in found[:3])
    assert [entry.is_default for entry in found] == [True, *[False] * 6]


def test_records_of_similar_operators_come_next() -> None:
    (state,) = states(*tasks(CONV))
    near = record(WIDE, point={"order": "pixels", "tile": [1, 2, 2], "unroll": 1})
    book = RecordBook(state.arms[0].arm.setting.target, [[near]])
    _, second = proposals([state], book).take(2)
    assert second.point == state.arms[0].arm.row.space.nearest(state.arms[0].arm.setting, near.point)


@pytest.mark.parametrize("waiting", [True, False])
def test_nothing_is_proposed_twice(waiting: bool) -> None:
    (state,) = states(*tasks(DOTTED))
    first = list(proposals([state]).take(5))
    key = state.arms[0].arm.key
    if waiting:
        again = Proposals([state], None, {key: {entry.point.key for entry in first}}, 0)
    else:
        signature, lowering, version, threads = key
        for entry in first:
            fields = {"operator": signature, "lowering": lowering, "space_version": version, "threads": threads}
            state.arms[0].trials.append(trial(**fields, point=entry.point.to_dict(), failure="build"))
        again = proposals([state])
    later = list(again.take(1000))
    assert {entry.point.key for entry in first}.isdisjoint(entry.point.key for entry in later)
    assert len(first) + len(later) == state.task.points


def test_what_has_lost_gets_nothing_more() -> None:
    (state,) = states(rivals(CONV, "fast", "slow"))
    for arm, seconds in zip(state.arms, (1e-3, 9e-3), strict=True):
        arm.trials.append(trial(lowering=arm.arm.lowering, point=arm.arm.default.to_dict(), run_secs=[seconds]))
    found = list(proposals([state]).take(6))
    assert {entry.arm.arm.lowering for entry in found} == {"fast"}


def test_trials_go_where_the_time_is_spent() -> None:
    both = states(*tasks(CONV), *tasks(WIDE))
    for state, seconds in zip(both, (1e-3, 9e-3), strict=True):
        signature, _, _, _ = state.arms[0].arm.key
        point = state.arms[0].arm.default.to_dict()
        state.arms[0].trials.append(trial(operator=signature, point=point, run_secs=[seconds]))
    found = Counter(entry.state.task.operator for entry in proposals(both).take(20))
    assert found[WIDE] > 2 * found[CONV]


def test_the_search_learns_from_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    (state,) = states(*tasks(CONV))
    learnt: list[str] = []

    class Search:
        def __init__(self, *_: object) -> None: ...

        def learn(self, point: Point, seconds: list[float] | None) -> None:
            learnt.append(point.key)

        def propose(self, limit: int) -> list[Point]:
            return []

    monkeypatch.setattr("tvm_bnn.tuning.proposals.Search", Search)
    known = state.arms[0].arm.default.to_dict()
    state.arms[0].trials.append(trial(point=known, run_secs=[1e-3]))
    assert list(proposals([state]).take(3)) == []
    assert learnt == [Point.from_dict(known).key]


def test_equal_seeds_give_equal_points() -> None:
    taken = [[e.point.key for e in proposals(states(*tasks(CONV)), seed=s).take(8)] for s in (1, 1, 2)]
    assert taken[0] == taken[1] != taken[2]
