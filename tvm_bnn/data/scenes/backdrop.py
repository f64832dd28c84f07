"""What stands behind the ground: sky, buildings, far trees."""

import numpy as np

from tvm_bnn.data.scenes.canvas import Canvas, Color, shaded
from tvm_bnn.data.scenes.dice import Dice, Int16
from tvm_bnn.data.scenes.plan import Box, Plan
from tvm_bnn.data.scenes.vocabulary import Label
from tvm_bnn.data.scenes.weather import Weather

_WALLS: tuple[Color, ...] = (
    (128, 124, 120),
    (150, 140, 126),
    (104, 100, 104),
    (140, 96, 80),
    (178, 168, 148),
    (112, 120, 130),
)
_PANES = (-52, -40, -30, 34)
_GREENS: tuple[Color, ...] = ((62, 96, 44), (80, 112, 50), (96, 118, 58), (52, 82, 52), (106, 104, 48))


def sky(plan: Plan, weather: Weather, dice: Dice) -> Int16:
    """A gradient with clouds down to the horizon, int16 [3, h, W]."""
    zenith, haze = (np.array(color) for color in weather.sky)
    down = np.arange(plan.horizon)[:, None] * 64 // plan.horizon
    gradient = ((zenith * (64 - down) + haze * down) // 64).astype(np.int16)
    clouds = dice.clouds(plan.horizon, plan.width, max(4, plan.unit // 6))
    return gradient.T[:, :, None] + np.clip(clouds - dice.between(-20, 40), 0, 60)[None]


def draw_buildings(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """Line the street with houses, left to right, with gaps."""
    unit = plan.unit
    left = dice.between(-unit // 4, unit // 8)
    while left < plan.width:
        right = left + dice.between(unit // 6, unit // 2)
        if not dice.one_in(4):
            top = plan.horizon - dice.between(unit // 12, max(unit // 12, plan.horizon - unit // 24))
            _building(canvas, dice, canvas.clip(Box(left, top, right, plan.height)), unit)
        left = right + (dice.between(0, unit // 5) if dice.one_in(3) else 0)


def _building(canvas: Canvas, dice: Dice, box: Box, unit: int) -> None:
    wall = shaded(dice.pick(_WALLS), dice.between(-16, 16))
    canvas.rectangle(box, wall, Label.BUILDING)
    across = dice.between(max(4, unit // 20), max(5, unit // 10))
    down = dice.between(max(5, unit // 14), max(6, unit // 8))
    columns, rows = np.arange(box.width) % across, np.arange(box.height) % down
    windows = (rows >= down // 3)[:, None] & (columns >= across // 2)[None, :]
    canvas.stencil(box, windows, shaded(wall, dice.pick(_PANES)), Label.BUILDING)
    canvas.rectangle(box._replace(bottom=box.top + 1), shaded(wall, 20), Label.BUILDING)


def draw_far_green(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """A line of trees along the horizon, behind the houses, and from there to the ground."""
    ragged = np.abs(dice.clouds(1, plan.width, max(3, plan.unit // 16))[0].astype(np.int64))
    tops = plan.horizon - 1 - ragged * plan.unit // 1400
    box = Box(0, max(0, int(tops.min())), plan.width, plan.height)
    rows = np.arange(box.top, box.bottom, dtype=np.int32)[:, None]
    canvas.stencil(box, rows >= tops.astype(np.int32)[None, :], dice.pick(_GREENS), Label.VEGETATION)
