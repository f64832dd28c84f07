import numpy as np
import pytest

from tvm_bnn.data.scenes import cast
from tvm_bnn.data.scenes.canvas import Canvas
from tvm_bnn.data.scenes.cast import draw_things
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import Spot, plan_scene
from tvm_bnn.data.scenes.vocabulary import Label
from tvm_bnn.data.scenes.weather import choose_weather

SIZE = (96, 192)
STREETS = range(12)


def street(index: int) -> Canvas:
    """A canvas with all things of a scene and nothing else."""
    dice = Dice(3, index)
    plan = plan_scene(dice, *SIZE)
    canvas = Canvas(*SIZE, np.zeros((3, 1, SIZE[1]), np.int16))
    draw_things(canvas, plan, choose_weather(dice), dice)
    return canvas


@pytest.mark.parametrize("index", STREETS)
def test_no_thing_hides_a_part_of_a_zone(index: int) -> None:
    labels = street(index).labels
    assert (labels != Label.SKY).any()
    for zone in plan_scene(Dice(3, index), *SIZE).zones:
        assert (labels[zone.top : zone.bottom, zone.left : zone.right] == Label.SKY).all()


def test_the_farthest_are_drawn_first(monkeypatch: pytest.MonkeyPatch) -> None:
    spots: list[Spot] = []
    kinds = tuple(
        cast._Kind(lambda canvas, spot, dice: spots.append(spot), 30, 170, (14, 98), ((0, 110),), (4,))
        for _ in range(3)
    )
    monkeypatch.setattr(cast, "_KINDS", kinds)
    for index in STREETS:
        spots.clear()
        street(index)
        assert len(spots) > 4
        assert [spot.row for spot in spots] == sorted(spot.row for spot in spots)
        assert all(0 <= spot.column < SIZE[1] and spot.row <= SIZE[0] for spot in spots)
        # What is nearer is larger.
        assert [spot.scale for spot in spots] == sorted(spot.scale for spot in spots)


def test_nothing_stands_in_another_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    spots: list[Spot] = []
    kind = cast._Kind(lambda canvas, spot, dice: spots.append(spot), 90, 150, (20, 90), ((0, 60),), (6,))
    monkeypatch.setattr(cast, "_KINDS", (kind,))
    for index in STREETS:
        spots.clear()
        street(index)
        for place, one in enumerate(spots):
            for other in spots[place + 1 :]:
                near = abs(one.row - other.row) * 24 <= SIZE[0]
                assert not near or abs(one.column - other.column) >= one.pixels(90) + other.pixels(90) - 2
