"""What stands on the ground: poles, vehicles, the signal."""

from tvm_bnn.data.scenes.canvas import Canvas, Color
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import Box, Plan
from tvm_bnn.data.scenes.vocabulary import Label

_BODIES: tuple[Color, ...] = (
    (190, 32, 34),
    (40, 150, 60),
    (36, 70, 160),
    (225, 225, 222),
    (44, 44, 48),
    (140, 142, 146),
    (205, 170, 40),
)
_GLASS: Color = (52, 66, 82)
_TYRE: Color = (24, 24, 26)
_LAMPS: tuple[Color, ...] = ((240, 60, 50), (250, 245, 205))
_HOUSING: Color = (28, 28, 30)
_TRIES = 6
_RED: Color = (238, 44, 36)
_GREEN: Color = (40, 226, 96)


def draw_poles(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """One to four poles beside the road; the signal's own comes with the signal."""
    for _ in range(dice.between(1, 4)):
        column = dice.between(0, plan.width - 1)
        foot = int(plan.front[column]) + dice.between(1, max(1, plan.height // 12))
        if plan.road.covers(column, foot):
            column = (column + plan.width // 2) % plan.width
            foot = int(plan.front[column]) + 1
        _pole(canvas, dice, column, foot, plan)


def _pole(canvas: Canvas, dice: Dice, column: int, foot: int, plan: Plan) -> None:
    grey = dice.between(36, 150)
    color = (grey, grey, grey + 4)
    width = _pole_width(dice, plan)
    top = foot - dice.between(plan.height // 5, 6 * plan.height // 10)
    canvas.rectangle(Box(column, top, column + width, foot), color, Label.POLE)
    if dice.one_in(3):
        reach, thick = dice.between(plan.unit // 16, plan.unit // 8), max(1, width // 2)
        at = max(top, 0) + dice.between(0, plan.unit // 16)
        canvas.rectangle(Box(column - reach, at, column + width + reach, at + thick), color, Label.POLE)


def _pole_width(dice: Dice, plan: Plan) -> int:
    return max(1, dice.between(1, 3) * plan.unit // 96)


def draw_vehicles(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """Up to three vehicles on the road, the nearest last, none on a zone."""
    boxes = [box for _ in range(dice.between(0, 3)) if (box := _free_place(plan, dice))]
    for box in sorted(boxes, key=lambda box: box.bottom):
        _vehicle(canvas, dice, box)


def _free_place(plan: Plan, dice: Dice) -> Box | None:
    for _ in range(_TRIES):
        row = dice.between(plan.horizon + plan.height // 8, plan.height - 2)
        half = int(plan.road.half[row])
        width = half * dice.between(48, 72) // 100
        middle = int(plan.road.middle[row]) + half * dice.pick((-1, 1)) * dice.between(36, 56) // 100
        box = Box(middle - width // 2, row - width * dice.between(60, 95) // 100, middle - width // 2 + width, row)
        if width >= 6 and not any(box.meets(zone) for zone in plan.zones):
            return box
    return None


def _vehicle(canvas: Canvas, dice: Dice, box: Box) -> None:
    body, lamp = dice.pick(_BODIES), dice.pick(_LAMPS)
    left, top, right, bottom = box
    width, height = box.width, box.height
    inset, belt, sill = width // 8, top + height * 45 // 100, bottom - max(1, height // 6)
    wheel = max(1, width // 5)
    for x in (left + inset // 2, right - inset // 2 - wheel):
        canvas.rectangle(Box(x, sill - 1, x + wheel, bottom), _TYRE, Label.VEHICLE)
    canvas.rectangle(Box(left + inset, top, right - inset, belt), body, Label.VEHICLE)
    canvas.rectangle(Box(left, belt, right, sill), body, Label.VEHICLE)
    rim = max(1, width // 12)
    canvas.rectangle(Box(left + inset + rim, top + rim, right - inset - rim, belt), _GLASS, Label.VEHICLE)
    size = max(1, width // 9)
    for x in (left + rim, right - rim - size):
        canvas.rectangle(Box(x, belt + size, x + size, belt + 2 * size), lamp, Label.VEHICLE)


def draw_signal(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """The signal: a light in a dark housing, on a pole of its own or, over the road, hung from above."""
    left, top, right, bottom = plan.signal
    column, width = (left + right) // 2, _pole_width(dice, plan)
    foot = int(plan.front[column]) + plan.height // 20
    upper, lower = (0, top) if plan.road.covers(column, foot) else (bottom, foot)
    grey = dice.between(40, 110)
    canvas.rectangle(Box(column, upper, column + width, lower), (grey, grey, grey), Label.POLE)
    canvas.rectangle(plan.signal, _HOUSING, Label.SIGNAL)
    edge = (plan.signal.width - plan.light) // 2
    canvas.disc(Box(left + edge, top + edge, right - edge, bottom - edge), _RED if plan.stop else _GREEN, Label.SIGNAL)
