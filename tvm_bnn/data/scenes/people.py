"""People on foot and on two wheels, and two wheels without anybody; all lengths in centimetres."""

from __future__ import annotations

from tvm_bnn.data.scenes.canvas import Canvas, Color, polygon
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import Spot
from tvm_bnn.data.scenes.vocabulary import Label

_SKIN: tuple[Color, ...] = ((232, 190, 160), (196, 146, 110), (120, 84, 62))
_COATS: tuple[Color, ...] = (
    (160, 44, 50),
    (52, 70, 120),
    (40, 42, 46),
    (96, 110, 74),
    (196, 170, 110),
    (218, 216, 210),
    (214, 130, 36),
    (110, 70, 120),
)
_TROUSERS: tuple[Color, ...] = ((40, 46, 70), (34, 34, 36), (92, 82, 70), (70, 84, 110))
_HAIR: tuple[Color, ...] = ((36, 28, 24), (96, 66, 40), (190, 160, 100), (130, 130, 132))
_HELMETS: tuple[Color, ...] = ((230, 230, 226), (200, 40, 40), (36, 36, 40), (240, 200, 40))
_METAL: tuple[Color, ...] = ((40, 42, 48), (170, 40, 44), (40, 80, 150), (190, 192, 196), (46, 110, 80))
_RUBBER: Color = (26, 26, 28)

_FRAME = (
    ((-53, 34), (-4, 30)),
    ((-53, 34), (-18, 84)),
    ((-4, 30), (-20, 92)),
    ((-18, 82), (38, 84)),
    ((-4, 30), (38, 80)),
    ((53, 34), (36, 96)),
    ((28, 100), (46, 98)),
    ((-30, 94), (-8, 94)),
)


def draw_person(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """Standing or walking, 156 to 186 high."""
    label, high = Label.PERSON, dice.between(156, 186)
    coat, trousers, skin, hair = (dice.pick(colors) for colors in (_COATS, _TROUSERS, _SKIN, _HAIR))
    hip, shoulder, stride = high // 2, high - 30, dice.between(2, 22)
    canvas.fill(polygon(spot.points((-16, hip), (2, hip), (2 - stride, 0), (-14 - stride, 0))), trousers, label)
    canvas.fill(polygon(spot.points((-2, hip), (16, hip), (14 + stride, 0), (-2 + stride, 0))), trousers, label)
    waist = hip - dice.between(0, 30)
    canvas.fill(polygon(spot.points((-20, waist), (-24, shoulder), (24, shoulder), (20, waist))), coat, label)
    for side in (-1, 1):
        arm = ((18, shoulder), (24, shoulder), (31, hip), (23, hip - 2))
        canvas.fill(polygon(spot.points(*((side * ahead, high_up) for ahead, high_up in arm))), coat, label)
    canvas.disc(spot.box(-12, high, 12, high - 28), skin, label)
    canvas.rectangle(spot.box(-11, high, 11, high - 9), hair, label)
    if dice.one_in(3):
        canvas.rectangle(spot.box(22, hip + 14, 44, hip - 22), dice.pick(_COATS), label)


def draw_bicycle(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From the side, 174 long; one sees through its wheels."""
    color, thick = dice.pick(_METAL), spot.pixels(4)
    for hub in (-53, 53):
        canvas.ring(spot.box(hub - 34, 68, hub + 34), spot.pixels(5), _RUBBER, Label.BICYCLE)
    for start, end in _FRAME:
        canvas.line(spot.point(*start), spot.point(*end), thick, color, Label.BICYCLE)


def draw_motorcycle(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From the side, 200 long: thick wheels under a heavy body."""
    color, label = dice.pick(_METAL), Label.MOTORCYCLE
    for hub in (-66, 68):
        canvas.ring(spot.box(hub - 33, 66, hub + 33), spot.pixels(15), _RUBBER, label)
    canvas.line(spot.point(68, 33), spot.point(46, 104), spot.pixels(8), (150, 152, 156), label)
    canvas.fill(polygon(spot.points((-40, 30), (-56, 64), (34, 70), (40, 30))), (70, 72, 76), label)
    canvas.fill(polygon(spot.points((-10, 66), (-4, 96), (44, 100), (56, 70))), color, label)
    canvas.fill(polygon(spot.points((-88, 76), (-96, 88), (0, 86), (0, 66))), _RUBBER, label)
    canvas.line(spot.point(30, 106), spot.point(50, 104), spot.pixels(6), _RUBBER, label)


def draw_cyclist(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A rider on a bicycle, 180 high."""
    draw_bicycle(canvas, spot, dice)
    _rider(canvas, spot, dice, 92)


def draw_motorcyclist(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A rider on a motorcycle, 166 high."""
    draw_motorcycle(canvas, spot, dice)
    _rider(canvas, spot, dice, 80)


def _rider(canvas: Canvas, spot: Spot, dice: Dice, seat: int) -> None:
    label = Label.RIDER
    coat, trousers, skin, helmet = (dice.pick(colors) for colors in (_COATS, _TROUSERS, _SKIN, _HELMETS))
    thick = spot.pixels(14)
    knee, foot = (14, seat - 30), (dice.between(-6, 8), seat - 70)
    canvas.line(spot.point(-18, seat), spot.point(*knee), thick, trousers, label)
    canvas.line(spot.point(*knee), spot.point(*foot), thick, trousers, label)
    canvas.fill(polygon(spot.points((-30, seat - 4), (-2, seat - 4), (26, seat + 44), (-4, seat + 52))), coat, label)
    canvas.line(spot.point(14, seat + 40), spot.point(36, seat + 12), spot.pixels(9), coat, label)
    canvas.disc(spot.box(2, seat + 80, 28, seat + 50), skin, label)
    canvas.fill(polygon(spot.points((0, seat + 68), (4, seat + 84), (26, seat + 84), (30, seat + 68))), helmet, label)
