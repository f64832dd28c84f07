import pytest

from tests.tuning.fakes import CONV, DOTTED, seconds_of, tasks
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.search import Search
from tvm_bnn.tuning.worker import Request


def seconds(point: Point) -> list[float]:
    return [seconds_of(Request(CONV.signature, "", 1, "", point.to_dict()))]


def test_candidates_stand_for_their_points() -> None:
    (task,) = tasks(CONV)
    search = Search(task, 4, seed=1)
    tiles, variants = task.row.space.tiles(task.setting), task.row.space.variants(task.setting)
    default = task.row.space.default(task.setting)
    assert task.row.space.point_of(search.candidate(default).sch, task.setting) == default
    proposed = search.propose(4)
    assert 0 < len(proposed) <= 4
    for candidate, point in proposed:
        assert task.row.space.point_of(candidate.sch, task.setting) == point
        assert point.tile in tiles
        assert point.variant in variants
        assert point != default
    search.learn([(candidate, seconds(point)) for candidate, point in proposed], proposed=True)
    again = search.propose(4)
    assert not {point.key for _, point in again} & {point.key for _, point in proposed}


@pytest.mark.parametrize("limit", [1, 5])
def test_a_small_space_is_exhausted_without_repeats(limit: int) -> None:
    (task,) = tasks(DOTTED)
    search, seen = Search(task, 8, seed=0), []
    while proposed := search.propose(limit):
        assert len(proposed) <= limit
        seen += [point.key for _, point in proposed]
        search.learn([(candidate, None) for candidate, _ in proposed], proposed=True)
    assert len(seen) == len(set(seen)) == task.points
    assert search.propose(limit) == []


def test_nothing_learnt_from_nothing() -> None:
    (task,) = tasks(DOTTED)
    Search(task, 4, seed=0).learn([], proposed=True)
