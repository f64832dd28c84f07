"""What stands behind the ground: sky, buildings, trees."""

import numpy as np

from tvm_bnn.data.scenes.canvas import Canvas, Color, shaded
from tvm_bnn.data.scenes.dice import Dice, Int16
from tvm_bnn.data.scenes.plan import Box, Plan
from tvm_bnn.data.scenes.vocabulary import Label

_SKIES: tuple[tuple[Color, Color], ...] = (
    ((88, 140, 210), (190, 212, 232)),
    ((120, 160, 205), (215, 222, 228)),
    ((150, 156, 165), (205, 205, 205)),
    ((110, 120, 150), (235, 195, 160)),
)
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
_TRUNK: Color = (84, 66, 48)


def sky(plan: Plan, dice: Dice) -> Int16:
    """A gradient with clouds, int16 [H, W, 3]."""
    zenith, haze = (np.array(color) for color in dice.pick(_SKIES))
    down = np.arange(plan.height)[:, None] * 64 // plan.horizon
    gradient = ((zenith * (64 - down) + haze * down) // 64).astype(np.int16)
    clouds = dice.clouds(plan.height, plan.width, max(4, plan.unit // 6))
    return gradient[:, None, :] + np.clip(clouds - dice.between(-20, 40), 0, 60)[:, :, None]


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
    """A line of trees along the horizon, behind the houses, and grass from there to the ground."""
    ragged = np.abs(dice.clouds(1, plan.width, max(3, plan.unit // 16))[0].astype(np.int64))
    tops = plan.horizon - 1 - ragged * plan.unit // 1400
    box = Box(0, 0, plan.width, plan.height)
    canvas.stencil(box, np.arange(plan.height)[:, None] >= tops[None, :], dice.pick(_GREENS), Label.VEGETATION)


def draw_trees(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """Trees and bushes along the fronts of the houses; a tree's trunk belongs to the tree."""
    for _ in range(dice.between(2, 6)):
        column = dice.between(0, plan.width - 1)
        if abs(column - plan.vanishing) < plan.width // 12:
            continue
        foot = int(plan.front[column]) + dice.between(0, max(1, plan.unit // 40))
        _tree(canvas, dice, column, foot, plan.unit)


def _tree(canvas: Canvas, dice: Dice, column: int, foot: int, unit: int) -> None:
    size = dice.between(unit // 12, unit // 6)
    trunk = 0 if dice.one_in(3) else dice.between(size // 2, size)
    thick = max(1, size // 8)
    canvas.rectangle(Box(column - thick, foot - trunk - size // 2, column + thick, foot), _TRUNK, Label.VEGETATION)
    green = dice.pick(_GREENS)
    for _ in range(dice.between(3, 5)):
        radius = dice.between(size // 2, size)
        x = column + dice.between(-size // 2, size // 2)
        y = foot - trunk - radius - dice.between(0, size // 2)
        shade = dice.between(-14, 14)
        canvas.disc(Box(x - radius, y - radius, x + radius, y + radius), shaded(green, shade), Label.VEGETATION)
