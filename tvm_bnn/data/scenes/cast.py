"""Who and what stands on the ground, and in which order it is drawn: what is nearer covers what is farther away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tvm_bnn.data.scenes.canvas import HAZE, Canvas, ellipse, polygon
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.furniture import draw_fence, draw_pole, draw_sign, draw_tree, draw_wall, room_of
from tvm_bnn.data.scenes.people import (
    draw_bicycle,
    draw_cyclist,
    draw_motorcycle,
    draw_motorcyclist,
    draw_person,
)
from tvm_bnn.data.scenes.plan import NEAR, Box, Plan, Spot
from tvm_bnn.data.scenes.vehicles import (
    draw_bus,
    draw_bus_aside,
    draw_car,
    draw_car_aside,
    draw_train,
    draw_train_aside,
    draw_truck,
    draw_truck_aside,
)
from tvm_bnn.data.scenes.weather import Weather

_Draw: TypeAlias = Callable[[Canvas, Spot, Dice], None]

_TRIES = 5
_SMALLEST = 3
"""Rows that a thing has at least."""


@dataclass(frozen=True)
class _Kind:
    """One kind of thing.

    Attributes:
        draw: one of it.
        reach: how far it goes to either side, in centimetres.
        high: how high it is at most, in centimetres.
        depths: its distance from the horizon in hundredths of the way to the bottom row.
        asides: ranges of the place across the street, in 64ths of half the road's width; either side by chance.
        odds: how many of it there may be; each as likely as the others.
        foot: half the width of what it stands on; that of all of it, if 0.
    """

    draw: _Draw
    reach: int
    high: int
    depths: tuple[int, int]
    asides: tuple[tuple[int, int], ...]
    odds: tuple[int, ...]
    foot: int = 0

    def room(self, spot: Spot) -> Box:
        """All that it may cover there."""
        return spot.box(-self.reach, self.high, self.reach)

    def ground(self, spot: Spot) -> Box:
        """The ground that it stands on, of no height worth mentioning."""
        half = self.foot or self.reach
        return spot.box(-half, 0, half)


_LANE = ((24, 40),)
_ACROSS = ((0, 60), (0, 110))
_WALK = ((72, 96), (72, 118), (0, 60))
_KERB = ((68, 84), (100, 130))

_KINDS = (
    _Kind(draw_train_aside, 1000, 360, (8, 22), ((40, 200),), (0, 0, 0, 1)),
    _Kind(draw_bus_aside, 575, 310, (12, 34), _ACROSS, (0, 0, 0, 0, 1)),
    _Kind(draw_truck_aside, 400, 360, (12, 38), _ACROSS, (0, 0, 0, 0, 1)),
    _Kind(draw_train, 120, 350, (14, 60), _LANE, (0, 0, 0, 1)),
    _Kind(draw_bus, 127, 310, (14, 62), _LANE, (0, 0, 0, 1)),
    _Kind(draw_truck, 125, 360, (14, 62), _LANE, (0, 0, 0, 1)),
    _Kind(draw_car, 90, 150, (12, 92), _LANE, (0, 1, 2, 3)),
    _Kind(draw_car_aside, 215, 148, (14, 76), _ACROSS, (0, 0, 1, 1)),
    _Kind(draw_motorcyclist, 102, 166, (20, 90), ((10, 58),), (0, 0, 1)),
    _Kind(draw_cyclist, 90, 178, (20, 92), ((30, 62), (70, 100)), (0, 1, 1)),
    _Kind(draw_motorcycle, 102, 110, (18, 90), _KERB, (0, 0, 1)),
    _Kind(draw_bicycle, 90, 104, (18, 94), _KERB, (0, 1, 2)),
    _Kind(draw_person, 46, 188, (14, 98), _WALK, (1, 2, 3, 4, 5), foot=28),
    _Kind(draw_sign, 48, 310, (12, 70), _KERB, (0, 1, 2, 3), foot=6),
    _Kind(draw_pole, 240, 835, (6, 66), _KERB, (1, 2, 3, 4), foot=9),
    _Kind(draw_tree, 275, 845, (8, 56), ((100, 170),), (0, 1, 2), foot=90),
)

_BARRIERS = (draw_wall, draw_fence)


@dataclass(frozen=True)
class _Thing:
    """One thing at its place.

    Attributes:
        row: the first below it.
        ground: that it stands on.
        draw: it, with its shadow.
    """

    row: int
    ground: Box
    draw: Callable[[], None]


def draw_things(canvas: Canvas, plan: Plan, weather: Weather, dice: Dice) -> None:
    """All of them, the farthest first, with their shadows; none hides a part of a zone."""
    things = [*_barriers(canvas, plan, dice), *_standing(canvas, plan, weather, dice)]
    for thing in sorted(things, key=lambda thing: thing.row):
        depth = int(plan.road.depth[min(thing.row, plan.height - 1)])
        canvas.haze = max(0, HAZE * 2 // 5 - HAZE * depth // NEAR)
        thing.draw()
    canvas.haze = 0


def _barriers(canvas: Canvas, plan: Plan, dice: Dice) -> Iterator[_Thing]:
    for side in (-1, 1):
        if not dice.one_in(3):
            yield from _barrier(canvas, plan, dice, side)


def _barrier(canvas: Canvas, plan: Plan, dice: Dice, side: int) -> Iterator[_Thing]:
    ground = plan.height - plan.horizon
    draw, aside = dice.pick(_BARRIERS), side * dice.between(112, 150)
    start, end = dice.between(8, 16), dice.between(30, 100)
    far, near = (plan.spot(plan.horizon + ground * place // 100 - 1, aside) for place in (start, end))
    box = room_of(far, near)
    if plan.is_free(box):
        yield _Thing(far.row, box, lambda: draw(canvas, far, near, dice))


def _standing(canvas: Canvas, plan: Plan, weather: Weather, dice: Dice) -> list[_Thing]:
    placed: list[_Thing] = []
    for kind in _KINDS:
        for _ in range(dice.pick(kind.odds)):
            spot = _free_spot(plan, dice, kind, placed)
            if spot is not None:
                placed.append(_thing(canvas, weather, dice, kind, spot))
    return placed


def _thing(canvas: Canvas, weather: Weather, dice: Dice, kind: _Kind, spot: Spot) -> _Thing:
    def draw() -> None:
        _cast_shadow(canvas, weather, kind, spot)
        kind.draw(canvas, spot, dice)

    return _Thing(spot.row, kind.ground(spot), draw)


def _free_spot(plan: Plan, dice: Dice, kind: _Kind, placed: list[_Thing]) -> Spot | None:
    """A place that is in the picture, hides no zone, and where nothing else stands; None if it is not found soon."""
    ground = plan.height - plan.horizon
    for _ in range(_TRIES):
        row = plan.horizon + ground * dice.between(*kind.depths) // 100
        aside = dice.pick((-1, 1)) * dice.between(*dice.pick(kind.asides))
        spot = plan.spot(row, aside)._replace(facing=dice.pick((-1, 1)))
        room = kind.room(spot)
        if (
            0 <= spot.column < plan.width
            and room.height >= _SMALLEST
            and plan.is_free(room)
            and not any(_collide(plan, kind.ground(spot), other.ground) for other in placed)
        ):
            return spot
    return None


def _collide(plan: Plan, one: Box, other: Box) -> bool:
    """Whether the same ground is wanted twice."""
    return abs(one.bottom - other.bottom) * 24 <= plan.height and one.left < other.right and other.left < one.right


def _cast_shadow(canvas: Canvas, weather: Weather, kind: _Kind, spot: Spot) -> None:
    """The dark below it, and what it keeps the sun from; both as wide as its foot."""
    under = kind.ground(spot)
    flat = max(2, under.width // 6)
    canvas.cast(ellipse(Box(under.left, spot.row - flat, under.right, spot.row + flat // 2)))
    if weather.sun:
        back = spot.pixels(kind.high) // 5
        moved = weather.sun * back // 16
        left, right, row = under.left, under.right, spot.row
        canvas.cast(polygon(((left, row), (right, row), (right + moved, row - back), (left + moved, row - back))))
