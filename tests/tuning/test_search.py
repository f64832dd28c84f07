import pytest

from tests.tuning.fakes import CONV, DOTTED, WIDE, tasks
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.search import Search

BATCH = 16


def seconds(point: Point) -> list[float]:
    """One order of the loops is far slower than the other."""
    return [1e-3 if point.variant["order"] == "pixels" else 0.1]


def proposals(seed: int, rounds: int) -> list[list[Point]]:
    """What a search proposes when it is told the times of each round before the next."""
    (task,) = tasks(WIDE)
    search, found = Search(task, BATCH, seed), []
    for _ in range(rounds):
        proposed = search.propose(BATCH)
        found.append([point for _, point in proposed])
        if len(found) < rounds:
            search.learn([(candidate, seconds(point)) for candidate, point in proposed], proposed=True)
    return found


@pytest.fixture(scope="module")
def two_rounds() -> list[list[Point]]:
    return proposals(seed=1, rounds=2)


def test_proposals_are_distinct_points_of_the_space(two_rounds: list[list[Point]]) -> None:
    (task,) = tasks(WIDE)
    points = [point for found in two_rounds for point in found]
    assert len({point.key for point in points}) == len(points) > BATCH
    assert {point.tile for point in points} <= set(task.row.space.tiles(task.setting))
    assert all(point.variant in task.row.space.variants(task.setting) for point in points)


def test_it_learns_what_is_slow(two_rounds: list[list[Point]]) -> None:
    before, after = (sum(point.variant["order"] == "filters" for point in found) for found in two_rounds)
    assert before > BATCH // 4
    assert after < BATCH // 4


def test_equal_seeds_give_equal_proposals(two_rounds: list[list[Point]]) -> None:
    assert proposals(seed=1, rounds=2) == two_rounds
    assert proposals(seed=2, rounds=1) != two_rounds[:1]


def test_candidates_stand_for_their_points() -> None:
    (task,) = tasks(CONV)
    space, setting = task.row.space, task.setting
    search = Search(task, BATCH, seed=1)
    default = space.default(setting)
    assert space.point_of(search.candidate(default).sch, setting) == default
    proposed = search.propose(BATCH)
    assert [space.point_of(candidate.sch, setting) for candidate, _ in proposed] == [point for _, point in proposed]
    assert default not in [point for _, point in proposed]


def test_a_small_space_is_exhausted_without_repeats() -> None:
    """Also what one batch held and the tuner did not ask for at once."""
    (task,) = tasks(DOTTED)
    search, seen = Search(task, 8, seed=0), []
    while proposed := search.propose(5):
        assert len(proposed) <= 5
        seen += [point.key for _, point in proposed]
    assert len(seen) == len(set(seen)) == task.points
    assert search.propose(5) == []


def test_nothing_learnt_from_nothing() -> None:
    (task,) = tasks(DOTTED)
    Search(task, 4, seed=0).learn([], proposed=True)
