import pytest

from tests.tuning.fakes import WIDE, tasks
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.evolution import Evolution, Measured

BATCH = 16
(TASK,) = tasks(WIDE)
(ARM,) = TASK.arms


def seconds(point: Point) -> list[float]:
    """One order of the loops is far slower than the other."""
    return [1e-3 if point.variant["order"] == "pixels" else 0.1]


def generated(seed: int, rounds: int) -> list[list[Point]]:
    """What is generated when the times of each round are told before the next."""
    evolution, found = Evolution(ARM, BATCH, 8, seed), list[list[Point]]()
    while True:
        found.append(evolution.generate())
        if len(found) == rounds:
            return found
        evolution.learn([(point, seconds(point)) for point in found[-1]])


@pytest.fixture(scope="module")
def two_rounds() -> list[list[Point]]:
    return generated(seed=1, rounds=2)


def test_points_are_of_the_space(two_rounds: list[list[Point]]) -> None:
    space, setting = ARM.row.space, ARM.setting
    points = [point for found in two_rounds for point in found]
    assert len(points) > BATCH
    assert {point.tile for point in points} <= set(space.tiles(setting))
    assert all(point.variant in space.variants(setting) for point in points)


def test_it_learns_what_is_slow(two_rounds: list[list[Point]]) -> None:
    before, after = (sum(point.variant["order"] == "filters" for point in found) for found in two_rounds)
    assert before > BATCH // 4
    assert after < BATCH // 4


def test_it_learns_from_points_that_it_did_not_generate() -> None:
    evolution = Evolution(ARM, BATCH, 8, seed=1)
    space, setting = ARM.row.space, ARM.setting
    told: list[Measured] = [
        (point, seconds(point) if tile != space.tiles(setting)[0] else None)
        for tile in space.tiles(setting)[:10]
        for variant in space.variants(setting)
        for point in [Point(tile, variant)]
    ]
    evolution.learn(told)
    evolution.learn([])
    assert sum(point.variant["order"] == "filters" for point in evolution.generate()) < BATCH // 4


def test_equal_seeds_give_equal_points(two_rounds: list[list[Point]]) -> None:
    assert generated(seed=1, rounds=2) == two_rounds
    assert generated(seed=2, rounds=1) != two_rounds[:1]
