"""What is fixed beside the road: poles, signs, trees, walls, fences."""

from __future__ import annotations

import numpy as np

from tvm_bnn.data.scenes.canvas import Canvas, Color, polygon, shaded
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import HALF_ROAD, Box, Ints, Plan, Spot
from tvm_bnn.data.scenes.vocabulary import Label

_GREENS: tuple[Color, ...] = ((62, 96, 44), (80, 112, 50), (96, 118, 58), (52, 82, 52), (106, 104, 48))
_TRUNK: Color = (84, 66, 48)
_RED: Color = (204, 30, 40)
_WHITE: Color = (236, 236, 232)
_BLUE: Color = (30, 84, 170)
_GOLD: Color = (240, 190, 40)
_BRICKS: tuple[Color, ...] = ((150, 90, 74), (150, 146, 138), (120, 112, 104), (176, 160, 134))
_RAILS: tuple[Color, ...] = ((60, 66, 62), (150, 152, 156), (120, 92, 64), (226, 226, 222))


def draw_pole(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A bare pole or one with an arm, 450 to 800 high."""
    grey, high = dice.between(36, 150), dice.between(450, 800)
    color = (grey, grey, grey + 4)
    half = dice.between(5, 9)
    canvas.rectangle(spot.box(-half, high, half), color, Label.POLE)
    if dice.one_in(2):
        reach, thick = dice.between(90, 220), spot.pixels(8)
        top = spot.point(0, high)
        canvas.line(top, spot.point(reach, high + 20), thick, color, Label.POLE)
        canvas.rectangle(spot.box(reach - 30, high + 30, reach + 20, high + 14), shaded(color, 60), Label.POLE)


def draw_sign(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A traffic sign on a thin post, 250 to 300 high."""
    grey, high = dice.between(110, 160), dice.between(250, 300)
    canvas.rectangle(spot.box(-3, high, 3), (grey, grey, grey), Label.POLE)
    low, label = high - 75, Label.TRAFFIC_SIGN
    kind = dice.between(0, 4)
    plate = spot.box(-38, high, 38, low)
    if kind == 0:
        canvas.disc(plate, _RED, label)
        canvas.disc(spot.box(-26, high - 12, 26, low + 12), _WHITE, label)
    elif kind == 1:
        canvas.fill(polygon(spot.points((-44, low), (0, high + 4), (44, low))), _RED, label)
        canvas.fill(polygon(spot.points((-26, low + 10), (0, high - 22), (26, low + 10))), _WHITE, label)
    elif kind == 2:
        canvas.rectangle(plate, _BLUE, label)
        canvas.rectangle(spot.box(-12, high - 16, 12, low + 16), _WHITE, label)
    elif kind == 3:
        middle = (high + low) // 2
        canvas.fill(polygon(spot.points((-46, middle), (0, high + 8), (46, middle), (0, low - 8))), _WHITE, label)
        canvas.fill(polygon(spot.points((-32, middle), (0, high - 6), (32, middle), (0, low + 6))), _GOLD, label)
    else:
        canvas.disc(plate, _RED, label)
        canvas.rectangle(spot.box(-28, high - 30, 28, low + 30), _WHITE, label)


def draw_tree(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A tree, 400 to 800 high; its trunk belongs to it."""
    trunk, reach = dice.between(180, 300), dice.between(100, 180)
    thick = dice.between(10, 20)
    canvas.rectangle(spot.box(-thick, trunk + reach, thick), _TRUNK, Label.VEGETATION)
    green = dice.pick(_GREENS)
    for _ in range(dice.between(4, 6)):
        radius = dice.between(reach // 2, reach)
        aside, middle = dice.between(-reach // 2, reach // 2), trunk + radius + dice.between(-20, reach)
        crown = spot.box(aside - radius, middle + radius, aside + radius, middle - radius)
        canvas.disc(crown, shaded(green, dice.between(-16, 16)), Label.VEGETATION)


def draw_wall(canvas: Canvas, far: Spot, near: Spot, dice: Dice) -> None:
    """A wall of bricks along the street, 160 to 260 high."""
    brick = dice.pick(_BRICKS)
    board = _Board(canvas, far, near, dice.between(160, 260))
    course = board.share * 8 >> 6
    inside = board.inside
    canvas.stencil(board.box, inside, brick, Label.WALL)
    joint = inside & ((course + (board.phase * 3 >> 10)[None, :]) & 1 == 0)
    canvas.stencil(board.box, joint, shaded(brick, -22), Label.WALL)
    canvas.stencil(board.box, inside & (board.share < 5), shaded(brick, 26), Label.WALL)


def draw_fence(canvas: Canvas, far: Spot, near: Spot, dice: Dice) -> None:
    """A fence along the street, 100 to 150 high: two rails and thin bars that one sees through."""
    board = _Board(canvas, far, near, dice.between(100, 150))
    bars = (board.phase & 1023 < 360)[None, :]
    rails = ((board.share >= 6) & (board.share < 14)) | ((board.share >= 46) & (board.share < 54))
    # A rail thinner than a pixel would come and go.
    rails |= board.down == 1
    canvas.stencil(board.box, board.inside & (bars | rails), dice.pick(_RAILS), Label.FENCE)


def room_of(far: Spot, near: Spot) -> Box:
    """A box around whatever stands between two spots along the street, up to 260 high."""
    left, right = sorted((far.column, near.column))
    return Box(left, near.point(0, 260)[1], right, near.row)


class _Board:
    """An upright board along the street: nearer and larger towards one end.

    Attributes:
        box: around the part of it that is on the canvas.
        down: rows below its upper edge, int32 [rows, columns] of the box.
        share: the same in 64ths of its height.
        inside: where it is.
        phase: distance along it in 1024ths of the distance between two bars, int64 [columns].
    """

    def __init__(self, canvas: Canvas, far: Spot, near: Spot, high: int) -> None:
        left, right = sorted((far.column, near.column))
        columns = np.arange(max(left, 0), min(right + 1, canvas.width))
        run = near.column - far.column or 1
        scale = np.maximum(_between(far.scale, near.scale, columns - far.column, run), 1)
        bottom = _between(far.row, near.row, columns - far.column, run)
        tall = np.maximum(high * scale // HALF_ROAD, 1)
        top = bottom - tall
        first, last = max(0, int(top.min(initial=canvas.height))), min(canvas.height, int(bottom.max(initial=0)))
        self.box = canvas.clip(Box(max(left, 0), first, min(right + 1, canvas.width), max(first, last)))
        rows = np.arange(self.box.top, self.box.bottom, dtype=np.int32)[:, None]
        self.down = rows - top.astype(np.int32)[None, :]
        self.share = self.down * np.int32(64) // tall.astype(np.int32)[None, :]
        self.inside = (self.down >= 0) & (self.down < tall.astype(np.int32)[None, :])
        self.phase: Ints = np.cumsum(1024 // np.maximum(3, 30 * scale // HALF_ROAD))


def _between(far: int, near: int, aside: Ints, run: int) -> Ints:
    return far + (near - far) * aside // run


def draw_front_trees(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """Trees and bushes along the fronts of the houses."""
    for _ in range(dice.between(2, 5)):
        column = dice.between(0, plan.width - 1)
        if abs(column - plan.vanishing) < plan.width // 12:
            continue
        foot = int(plan.front[column]) + dice.between(0, max(1, plan.unit // 40))
        # They stand nearer than the road is there, as the houses do.
        draw_tree(canvas, Spot(column, foot, dice.between(plan.unit // 8, plan.unit // 4)), dice)
