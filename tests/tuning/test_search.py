from collections.abc import Sequence

import pytest

from tests.tuning.fakes import DOTTED, WIDE, tasks
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning import search as search_module
from tvm_bnn.tuning.evolution import Measured
from tvm_bnn.tuning.search import Search
from tvm_bnn.tuning.task import Arm

BATCH = 16


def arm_of(operator: Operator) -> Arm:
    (task,) = tasks(operator)
    return task.arms[0]


def rounds(search: Search, number: int, limit: int) -> list[Point]:
    """What is proposed, and told to be the faster the larger the tile."""
    found: list[Point] = []
    for _ in range(number):
        proposed = search.propose(limit)
        for point in proposed:
            search.learn(point, [1 / sum(point.tile)])
        found += proposed
    return found


class Recorder:
    """In place of MetaSchedule: remembers what it is taught, generates the same points again and again."""

    def __init__(self, arm: Arm, batch: int, warm_up: int, seed: int) -> None:
        space, setting = arm.row.space, arm.setting
        self.points = [Point(tile, space.variants(setting)[0]) for tile in space.tiles(setting)[:batch]]
        self.taught: list[list[Measured]] = []
        self.arguments = (batch, warm_up, seed)

    def learn(self, measured: Sequence[Measured]) -> None:
        self.taught.append(list(measured))

    def generate(self) -> list[Point]:
        return self.points


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "Evolution", Recorder)


def test_the_first_points_come_by_chance_and_cost_no_model() -> None:
    search = Search(arm_of(WIDE), BATCH, seed=1)
    found = rounds(search, 4, 2)
    assert len({point.key for point in found}) == 8
    assert search._evolution is None
    assert rounds(Search(arm_of(WIDE), BATCH, seed=1), 4, 2) == found
    assert rounds(Search(arm_of(WIDE), BATCH, seed=2), 4, 2) != found


@pytest.mark.usefixtures("recorder")
def test_what_was_measured_is_learnt_before_the_next_batch() -> None:
    search = Search(arm_of(WIDE), BATCH, seed=1)
    first = rounds(search, 2, 4)
    # Only so many come from one batch, and nothing twice.
    generated = rounds(search, 4, 4)
    assert isinstance(search._evolution, Recorder)
    assert search._evolution.arguments == (BATCH, 8, 1)
    assert [point for point, _ in search._evolution.taught[0]] == first
    assert not {point.key for point in generated} & {point.key for point in first}
    assert len({point.key for point in generated}) == 16
    rounds(search, 1, 4)
    assert {point.key for taught in search._evolution.taught for point, _ in taught} == {
        point.key for point in (*first, *generated)
    }


@pytest.mark.usefixtures("recorder")
def test_known_points_are_not_proposed_and_foreign_ones_say_nothing() -> None:
    search = Search(arm_of(WIDE), BATCH, seed=1)
    known = Search(arm_of(WIDE), BATCH, seed=1).propose(3)
    for point in known:
        search.learn(point, None)
    search.learn(Point((1000, 1, 1)), [0.1])
    proposed = search.propose(8)
    assert len(proposed) == 5
    assert not {point.key for point in proposed} & {point.key for point in known}


def test_a_small_space_is_exhausted_without_repeats() -> None:
    """Also what one batch held and the tuner did not ask for at once."""
    arm = arm_of(DOTTED)
    search, seen = Search(arm, 8, seed=0), []
    while proposed := rounds(search, 1, 5):
        assert len(proposed) <= 5
        seen += [point.key for point in proposed]
    assert len(seen) == len(set(seen)) == arm.points
    assert search.propose(5) == []


def test_the_search_ends_where_the_model_has_no_more_ideas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "generate", lambda self: self.points[:2])
    monkeypatch.setattr(search_module, "Evolution", Recorder)
    arm = arm_of(WIDE)
    assert len(rounds(Search(arm, BATCH, seed=3), arm.points, 16)) == arm.points
