"""The traffic light whose colour decides what the zones are."""

from __future__ import annotations

from tvm_bnn.data.scenes.canvas import Canvas, Color
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import Box, Plan
from tvm_bnn.data.scenes.vocabulary import Label

_HOUSING: Color = (28, 28, 30)
_RED: Color = (238, 44, 36)
_GREEN: Color = (40, 226, 96)


def draw_signal(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """A lamp in a dark housing, on a pole of its own or, over the road, hung from above."""
    left, top, right, bottom = plan.signal
    column, width = (left + right) // 2, max(1, dice.between(1, 3) * plan.unit // 96)
    foot = int(plan.front[column]) + plan.height // 20
    upper, lower = (0, top) if plan.road.covers(column, foot) else (bottom, foot)
    grey = dice.between(40, 110)
    canvas.rectangle(Box(column, upper, column + width, lower), (grey, grey, grey), Label.POLE)
    canvas.rectangle(plan.signal, _HOUSING, Label.TRAFFIC_LIGHT)
    edge = (plan.signal.width - plan.light) // 2
    lamp = Box(left + edge, top + edge, right - edge, bottom - edge)
    canvas.disc(lamp, _RED if plan.stop else _GREEN, Label.TRAFFIC_LIGHT)
