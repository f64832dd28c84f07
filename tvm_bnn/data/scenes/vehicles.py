"""Cars, trucks, buses and trains, from the side and from behind; all lengths in centimetres."""

from __future__ import annotations

from tvm_bnn.data.scenes.canvas import Canvas, Color, polygon, shaded
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import Spot
from tvm_bnn.data.scenes.vocabulary import Label

_PAINTS: tuple[Color, ...] = (
    (190, 32, 34),
    (40, 120, 70),
    (36, 70, 160),
    (225, 225, 222),
    (44, 44, 48),
    (140, 142, 146),
    (205, 170, 40),
)
_CARGO: tuple[Color, ...] = ((214, 212, 204), (150, 60, 46), (70, 96, 130), (120, 124, 96), (196, 150, 70))
_LIVERIES: tuple[Color, ...] = ((206, 44, 36), (226, 176, 30), (40, 104, 176), (60, 140, 84), (224, 222, 214))
_STRIPES: tuple[Color, ...] = ((200, 36, 40), (30, 80, 160), (40, 130, 70), (230, 150, 30))
_GLASS: Color = (52, 66, 82)
_BRIGHT_GLASS: Color = (96, 118, 138)
_TYRE: Color = (24, 24, 26)
_HUB: Color = (120, 122, 126)
_FRAME: Color = (52, 52, 56)
_LAMPS: tuple[Color, ...] = ((240, 60, 50), (250, 245, 205))
_AMBER: Color = (250, 170, 40)


def draw_car(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From behind or in front, 180 wide and 150 high."""
    paint, lamp, label = dice.pick(_PAINTS), dice.pick(_LAMPS), Label.CAR
    _tyres(canvas, spot, 88, 28, 34, label)
    canvas.rectangle(spot.box(-90, 90, 90, 24), paint, label)
    canvas.fill(polygon(spot.points((-84, 90), (-64, 150), (64, 150), (84, 90))), paint, label)
    canvas.fill(polygon(spot.points((-72, 92), (-55, 142), (55, 142), (72, 92))), _GLASS, label)
    _lamps(canvas, spot, 86, 80, 22, lamp, label)
    canvas.rectangle(spot.box(-24, 56, 24, 44), (222, 222, 214), label)
    canvas.rectangle(spot.box(-90, 40, 90, 24), shaded(paint, -26), label)


def draw_car_aside(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From the side, 430 long and 148 high."""
    paint, label = dice.pick(_PAINTS), Label.CAR
    canvas.fill(polygon(spot.points((-195, 86), (-140, 148), (60, 148), (128, 86))), paint, label)
    canvas.fill(polygon(spot.points((-165, 88), (-126, 140), (-38, 140), (-38, 88))), _GLASS, label)
    canvas.fill(polygon(spot.points((-24, 88), (-24, 140), (54, 140), (106, 88))), _GLASS, label)
    canvas.rectangle(spot.box(-215, 90, 205, 30), paint, label)
    canvas.rectangle(spot.box(-215, 42, 205, 30), shaded(paint, -30), label)
    _wheels(canvas, spot, (-130, 125), 33, label)
    canvas.rectangle(spot.box(190, 80, 212, 62), _LAMPS[1], label)
    canvas.rectangle(spot.box(-216, 84, -200, 62), _LAMPS[0], label)


def draw_truck(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From behind, 250 wide and 360 high: two doors over dark wheels."""
    cargo, label = dice.pick(_CARGO), Label.TRUCK
    _tyres(canvas, spot, 118, 44, 96, label)
    canvas.rectangle(spot.box(-115, 100, 115, 62), _FRAME, label)
    canvas.rectangle(spot.box(-125, 360, 125, 98), cargo, label)
    canvas.rectangle(spot.box(-125, 360, 125, 346), shaded(cargo, -34), label)
    canvas.rectangle(spot.box(-4, 346, 4, 98), shaded(cargo, -50), label)
    for side in (-100, 96):
        canvas.rectangle(spot.box(side, 346, side + 6, 98), shaded(cargo, -30), label)
    _lamps(canvas, spot, 112, 92, 20, _LAMPS[0], label)


def draw_truck_aside(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From the side, 800 long and 360 high: a box behind a cab."""
    cargo, paint, label = dice.pick(_CARGO), dice.pick(_PAINTS), Label.TRUCK
    canvas.rectangle(spot.box(-395, 108, 380, 66), _FRAME, label)
    canvas.rectangle(spot.box(-400, 360, 190, 104), cargo, label)
    for place in range(-300, 190, 120):
        canvas.rectangle(spot.box(place, 356, place + 6, 110), shaded(cargo, -22), label)
    canvas.fill(polygon(spot.points((205, 84), (205, 290), (330, 290), (395, 180), (395, 84))), paint, label)
    canvas.fill(polygon(spot.points((250, 178), (250, 274), (326, 274), (380, 178))), _GLASS, label)
    _wheels(canvas, spot, (-310, -210, 290), 50, label)


def draw_bus(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From in front, 255 wide and 310 high: a large window below an amber sign."""
    livery, label = dice.pick(_LIVERIES), Label.BUS
    _tyres(canvas, spot, 118, 36, 40, label)
    canvas.rectangle(spot.box(-127, 310, 127, 32), livery, label)
    canvas.rectangle(spot.box(-112, 262, 112, 132), _GLASS, label)
    canvas.rectangle(spot.box(-96, 300, 96, 272), (30, 30, 32), label)
    canvas.rectangle(spot.box(-64, 294, 64, 278), _AMBER, label)
    canvas.rectangle(spot.box(-3, 262, 3, 132), shaded(livery, -40), label)
    _lamps(canvas, spot, 116, 88, 30, _LAMPS[1], label)


def draw_bus_aside(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From the side, 1150 long and 310 high: a band of windows, and doors."""
    livery, label = dice.pick(_LIVERIES), Label.BUS
    canvas.rectangle(spot.box(-575, 310, 575, 34), livery, label)
    canvas.rectangle(spot.box(-560, 262, 575, 152), _GLASS, label)
    for place in range(-440, 500, 150):
        canvas.rectangle(spot.box(place, 262, place + 12, 152), livery, label)
    for door in (-60, 440):
        canvas.rectangle(spot.box(door, 262, door + 100, 44), _BRIGHT_GLASS, label)
        canvas.rectangle(spot.box(door + 46, 262, door + 54, 44), shaded(livery, -60), label)
    canvas.rectangle(spot.box(-575, 64, 575, 34), shaded(livery, -36), label)
    _wheels(canvas, spot, (-380, 330), 50, label)


def draw_train(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """A tram from in front, 240 wide and 350 high, with a pantograph and one lamp in the middle."""
    stripe, label = dice.pick(_STRIPES), Label.TRAIN
    body: Color = (224, 224, 220)
    canvas.rectangle(spot.box(-104, 46, 104, 6), _FRAME, label)
    canvas.fill(
        polygon(spot.points((-120, 40), (-120, 250), (-92, 350), (92, 350), (120, 250), (120, 40))), body, label
    )
    canvas.fill(
        polygon(spot.points((-104, 190), (-98, 256), (-80, 322), (80, 322), (98, 256), (104, 190))), _GLASS, label
    )
    canvas.rectangle(spot.box(-120, 160, 120, 96), stripe, label)
    canvas.disc(spot.box(-18, 148, 18, 112), _LAMPS[1], label)
    _pantograph(canvas, spot, 0, 350)


def draw_train_aside(canvas: Canvas, spot: Spot, dice: Dice) -> None:
    """From the side, two cars of 1000 each and 360 high, with a stripe and sloping ends."""
    stripe, label = dice.pick(_STRIPES), Label.TRAIN
    body = dice.pick(((224, 224, 220), (196, 198, 202), (160, 60, 52)))
    canvas.rectangle(spot.box(-960, 70, 960, 12), _FRAME, label)
    for start, end in ((-1000, -6), (6, 1000)):
        outer, slope = (start, -1) if start < 0 else (end, 1)
        nose = outer - slope * 110
        inner = end if start < 0 else start
        canvas.fill(
            polygon(spot.points((inner, 60), (outer, 60), (outer, 190), (nose, 360), (inner, 360))), body, label
        )
        for place in range(min(inner, nose) + 40, max(inner, nose) - 100, 130):
            canvas.rectangle(spot.box(place, 300, place + 96, 196), _GLASS, label)
        canvas.rectangle(spot.box(min(inner, outer), 170, max(inner, outer), 120), stripe, label)
    _pantograph(canvas, spot, -420, 360)


def _pantograph(canvas: Canvas, spot: Spot, middle: int, roof: int) -> None:
    thick = spot.pixels(5)
    for start, end in (((-50, 0), (40, 50)), ((40, 50), (-10, 100)), ((-70, 104), (60, 104))):
        points = [spot.point(middle + ahead, roof + high) for ahead, high in (start, end)]
        canvas.line(points[0], points[1], thick, _FRAME, Label.TRAIN)


def _tyres(canvas: Canvas, spot: Spot, outer: int, wide: int, high: int, label: Label) -> None:
    canvas.rectangle(spot.box(-outer, high, wide - outer), _TYRE, label)
    canvas.rectangle(spot.box(outer - wide, high, outer), _TYRE, label)


def _wheels(canvas: Canvas, spot: Spot, places: tuple[int, ...], radius: int, label: Label) -> None:
    for place in places:
        canvas.disc(spot.box(place - radius, 2 * radius, place + radius), _TYRE, label)
        half = radius // 2
        canvas.disc(spot.box(place - half, radius + half, place + half, radius - half), _HUB, label)


def _lamps(canvas: Canvas, spot: Spot, outer: int, high: int, wide: int, color: Color, label: Label) -> None:
    canvas.rectangle(spot.box(-outer, high, wide - outer, high - 16), color, label)
    canvas.rectangle(spot.box(outer - wide, high, outer, high - 16), color, label)
