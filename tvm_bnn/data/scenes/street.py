"""A street, from its plan to its picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.backdrop import draw_buildings, draw_far_green, sky
from tvm_bnn.data.scenes.canvas import Canvas, Spans
from tvm_bnn.data.scenes.cast import draw_things
from tvm_bnn.data.scenes.develop import develop
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.furniture import draw_front_trees
from tvm_bnn.data.scenes.ground import draw_ground, draw_markings, draw_zones
from tvm_bnn.data.scenes.plan import KERB, Plan, plan_scene
from tvm_bnn.data.scenes.signal import draw_signal
from tvm_bnn.data.scenes.weather import Weather, choose_weather

UInt8 = npt.NDArray[np.uint8]

_LOW_SUN = 90
"""From here on whole houses cast their shadow across the street."""


def plan_street(index: int, size: tuple[int, int], seed: int) -> tuple[Plan, Dice]:
    """Where things stand, and the dice that go on from there."""
    dice = Dice(seed, index)
    return plan_scene(dice, *size), dice


def draw_street(index: int, size: tuple[int, int], seed: int) -> tuple[UInt8, UInt8]:
    """Picture uint8 [H, W, 3] and labels uint8 [H, W]."""
    plan, dice = plan_street(index, size, seed)
    weather = choose_weather(dice)
    canvas = draw_empty_street(plan, weather, dice)
    draw_zones(canvas, plan, dice)
    canvas.end_ground()
    _cast_houses(canvas, plan, weather, dice)
    draw_things(canvas, plan, weather, dice)
    draw_signal(canvas, plan, dice)
    return develop(canvas, weather, dice), canvas.labels


def draw_empty_street(plan: Plan, weather: Weather, dice: Dice) -> Canvas:
    """Sky, houses, trees before them, and the road with its lines."""
    canvas = Canvas(plan.height, plan.width, sky(plan, weather, dice), weather.sky[1])
    draw_far_green(canvas, plan, dice)
    draw_buildings(canvas, plan, dice)
    draw_ground(canvas, plan, dice)
    draw_markings(canvas, plan, dice)
    draw_front_trees(canvas, plan, dice)
    return canvas


def _cast_houses(canvas: Canvas, plan: Plan, weather: Weather, dice: Dice) -> None:
    """The shadow of the houses on the side of a low sun, up to somewhere on the road."""
    if abs(weather.sun) < _LOW_SUN or dice.one_in(2):
        return
    reach = dice.between(-30, 80)
    # The shadow moves away from the sun: it comes from the left if it moves to the right.
    from_left = weather.sun > 0
    edge = plan.road.middle + plan.road.half * (-reach if from_left else reach) // KERB
    rows = range(int(plan.front.max()), plan.height)
    edges = edge[rows.start :].tolist()
    nothing, all_columns = [0] * len(rows), [plan.width] * len(rows)
    canvas.cast(Spans(rows.start, nothing, edges) if from_left else Spans(rows.start, edges, all_columns))
