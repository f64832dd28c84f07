"""One large thing in front of a cluttered backdrop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.canvas import Canvas, Color, Point, polygon, shaded
from tvm_bnn.data.scenes.develop import develop
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.furniture import draw_tree
from tvm_bnn.data.scenes.people import draw_cyclist, draw_motorcycle, draw_motorcyclist, draw_person
from tvm_bnn.data.scenes.plan import HALF_ROAD, Box, Spot, plan_scene
from tvm_bnn.data.scenes.street import draw_empty_street
from tvm_bnn.data.scenes.vehicles import draw_bus, draw_car, draw_car_aside, draw_train, draw_truck
from tvm_bnn.data.scenes.vocabulary import Label
from tvm_bnn.data.scenes.weather import Weather, choose_weather

UInt8 = npt.NDArray[np.uint8]
_Draw: TypeAlias = Callable[[Canvas, Spot, Dice], None]

_BRIGHT: tuple[Color, ...] = (
    (214, 60, 44),
    (240, 180, 40),
    (60, 150, 70),
    (50, 100, 190),
    (236, 232, 222),
    (150, 70, 150),
    (40, 36, 38),
    (230, 130, 60),
    (150, 100, 60),
)
_DULL: tuple[Color, ...] = (
    (120, 116, 108),
    (96, 104, 96),
    (140, 128, 112),
    (88, 92, 104),
    (156, 150, 144),
    (110, 96, 84),
    (104, 120, 128),
)


def draw_salient(index: int, size: tuple[int, int], seed: int) -> tuple[UInt8, UInt8]:
    """Picture uint8 [H, W, 3] and labels uint8 [H, W], 1 where the thing is."""
    dice = Dice(seed, index)
    weather = choose_weather(dice)
    canvas = _street(size, weather, dice) if dice.one_in(2) else _clutter(size, dice)
    backdrop = canvas.inks
    draw, half, high = dice.pick(_THINGS)
    spot = _spot(size, dice, half, high)
    draw(canvas, spot, dice)
    return develop(canvas, weather, dice), canvas.drawn_since(backdrop).astype(np.uint8)


def _street(size: tuple[int, int], weather: Weather, dice: Dice) -> Canvas:
    """A street without anybody on it."""
    return draw_empty_street(plan_scene(dice, *size), weather, dice)


def _clutter(size: tuple[int, int], dice: Dice) -> Canvas:
    """A surface with dull patches and small bright things on it."""
    height, width = size
    unit = min(size)
    color = np.array(dice.pick(_DULL), np.int16)[:, None, None]
    canvas = Canvas(height, width, color + dice.clouds(height, width, max(4, unit // 5)) // 4)
    labels = (Label.BUILDING, Label.VEGETATION, Label.TERRAIN, Label.ROAD)
    for _ in range(dice.between(8, 24)):
        _patch(canvas, dice, unit // 3, shaded(dice.pick(_DULL), dice.between(-24, 24)), dice.pick(labels))
    for _ in range(dice.between(0, 8)):
        _patch(canvas, dice, unit // 12, dice.pick(_BRIGHT), Label.BUILDING)
    return canvas


def _patch(canvas: Canvas, dice: Dice, most: int, color: Color, label: Label) -> None:
    """A rectangle, an ellipse or a slanting quadrangle at any place."""
    wide, high = dice.between(max(2, most // 3), max(3, most)), dice.between(max(2, most // 3), max(3, most))
    left, top = dice.between(-wide // 2, canvas.width - wide // 2), dice.between(-high // 2, canvas.height - high // 2)
    box = Box(left, top, left + wide, top + high)
    kind = dice.between(0, 2)
    if kind == 0:
        canvas.rectangle(box, color, label)
    elif kind == 1:
        canvas.disc(box, color, label)
    else:
        lean = dice.between(-wide // 2, wide // 2)
        corners = ((left + lean, top), (left + wide + lean, top), (left + wide, top + high), (left, top + high))
        canvas.fill(polygon(corners), color, label)


def _spot(size: tuple[int, int], dice: Dice, half: int, high: int) -> Spot:
    """Somewhere about the middle, at which a thing of this size in centimetres fills much of the picture."""
    height, width = size
    room = dice.between(56, 94)
    scale = min(height * room * HALF_ROAD // (100 * high), width * room * HALF_ROAD // (200 * half))
    tall, wide = high * scale // HALF_ROAD, half * scale // HALF_ROAD
    row = dice.between(min(tall + height // 16, height), height - height // 16)
    return Spot(dice.between(wide, width - wide), row, scale, dice.pick((-1, 1)))


def draw_blob(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A rounded body with limbs and a pattern of spots or stripes, up to 200 wide and 200 high."""
    color = dice.pick(_BRIGHT)
    pattern = shaded(color, dice.pick((-50, -34, 40)))
    for _ in range(dice.between(2, 5)):
        aside, middle, radius = dice.between(-50, 50), dice.between(60, 150), dice.between(18, 46)
        _disc(canvas, spot, aside, middle, radius, shaded(color, dice.between(-12, 12)))
    wide, tall = dice.between(55, 90), dice.between(45, 80)
    canvas.disc(spot.box(-wide, 100 + tall, wide, 100 - tall), color, Label.TERRAIN)
    striped = dice.one_in(2)
    for place in range(-2, 3):
        if striped:
            high = tall * (9 - place * place) // 12
            canvas.rectangle(
                spot.box(place * wide // 3 - 4, 100 + high, place * wide // 3 + 4, 100 - high), pattern, Label.TERRAIN
            )
        else:
            _disc(
                canvas, spot, place * wide // 3, 100 + dice.between(-tall // 3, tall // 3), dice.between(6, 12), pattern
            )


def draw_animal(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A body on four legs with a head and a tail, about 210 wide and 150 high."""
    color = dice.pick(_BRIGHT)
    dark = shaded(color, -30)
    for leg in (-62, -44, 34, 52):
        canvas.rectangle(spot.box(leg, 70, leg + 14, 0), dark if leg in (-44, 34) else color, Label.TERRAIN)
    canvas.line(spot.point(-70, 90), spot.point(-100, dice.between(60, 140)), spot.pixels(9), dark, Label.TERRAIN)
    canvas.disc(spot.box(-78, 112, 74, 48), color, Label.TERRAIN)
    neck = dice.between(0, 36)
    canvas.fill(
        polygon(spot.points((40, 70), (50, 104), (62, 116 + neck), (84, 104 + neck), (76, 76))), color, Label.TERRAIN
    )
    canvas.disc(spot.box(54, 140 + neck, 108, 96 + neck), color, Label.TERRAIN)
    for ear in (60, 74):
        canvas.fill(polygon(_ear(spot, ear, 132 + neck)), dark, Label.TERRAIN)
    _disc(canvas, spot, 90, 122 + neck, 4, (20, 20, 20))
    for _ in range(dice.between(0, 4)):
        _disc(canvas, spot, dice.between(-56, 50), dice.between(66, 96), dice.between(6, 13), dark)


def _ear(spot: Spot, ahead: int, high: int) -> list[Point]:
    return spot.points((ahead - 6, high), (ahead, high + 26), (ahead + 10, high))


def _disc(canvas: Canvas, spot: Spot, aside: int, middle: int, radius: int, color: Color) -> None:
    canvas.disc(spot.box(aside - radius, middle + radius, aside + radius, middle - radius), color, Label.TERRAIN)


_THINGS: tuple[tuple[_Draw, int, int], ...] = (
    (draw_blob, 100, 200),
    (draw_blob, 100, 200),
    (draw_animal, 106, 170),
    (draw_animal, 106, 170),
    (draw_person, 44, 180),
    (draw_car, 90, 150),
    (draw_car_aside, 215, 150),
    (draw_bus, 127, 310),
    (draw_truck, 125, 360),
    (draw_train, 120, 450),
    (draw_motorcycle, 100, 110),
    (draw_motorcyclist, 100, 166),
    (draw_cyclist, 90, 180),
    (draw_tree, 270, 800),
)
"""What may be in front, half its width and its height in centimetres."""
