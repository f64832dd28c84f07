"""What lies on the ground: sidewalk, terrain, road, lane markings, zones."""

import numpy as np

from tvm_bnn.data.scenes.canvas import Canvas, Color, Mask, Spans, shaded
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import NEAR, Box, Ints, Plan
from tvm_bnn.data.scenes.vocabulary import Label

_GRASS: Color = (98, 122, 62)
_WHITE: Color = (226, 226, 220)
_YELLOW: Color = (222, 190, 60)


def draw_ground(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """The street with what is beside it, from the fronts of the houses to the bottom of the picture."""
    grey = dice.between(66, 126)
    tint = dice.between(-6, 8)
    pale = grey + (dice.between(-34, -20) if dice.one_in(4) else dice.between(20, 56))
    warmth = dice.between(-4, 20)
    box = Box(0, plan.horizon, plan.width, plan.height)
    ground = np.arange(box.top, box.bottom, dtype=np.int32)[:, None] >= plan.front.astype(np.int32)[None, :]
    canvas.stencil(box, ground, (pale + warmth, pale + tint, pale - warmth), Label.SIDEWALK)
    _grass(canvas, plan, dice, box, ground)
    middle, half = plan.road.middle[box.top :], plan.road.half[box.top :]
    kerb = half + max(1, plan.unit // 64)
    # The kerb begins where the ground does; the road goes on to the horizon.
    edge = max(0, int(plan.front.min()) - box.top)
    canvas.fill(
        _strip(box.top + edge, (middle - kerb)[edge:], (middle + kerb + 1)[edge:]), (pale + 30,) * 3, Label.SIDEWALK
    )
    canvas.fill(_strip(box.top, middle - half, middle + half + 1), (grey, grey + tint // 2, grey + tint), Label.ROAD)


def _strip(top: int, lefts: Ints, rights: Ints) -> Spans:
    return Spans(top, lefts.tolist(), rights.tolist())


def _grass(canvas: Canvas, plan: Plan, dice: Dice, box: Box, ground: Mask) -> None:
    """Grass beyond the sidewalk, on either side by chance, but never where a zone has to lie on pavement."""
    reach = dice.between(14, 20)
    columns = np.arange(plan.width, dtype=np.int32)[None, :]
    for side in (-1, 1):
        if dice.one_in(2) and not _zone_is_on(plan, side):
            edge = (plan.road.middle + side * (plan.road.half * reach // 10))[box.top :, None].astype(np.int32)
            beyond = columns > edge if side > 0 else columns < edge
            beyond &= ground
            canvas.stencil(box, beyond, shaded(_GRASS, dice.between(-14, 14)), Label.TERRAIN)


def _zone_is_on(plan: Plan, side: int) -> bool:
    middle = plan.road.middle
    return any(
        side * (edge - int(middle[row])) > int(plan.road.half[row])
        for zone in plan.zones
        for row in (zone.top, zone.bottom - 1)
        for edge in (zone.left, zone.right)
    )


def draw_markings(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """Lines along the road, one to three pixels wide in 96 rows: edges, and one or two between the lanes."""
    color = dice.pick((_WHITE, _WHITE, _YELLOW))
    inner = dice.pick(((0,), (0,), (-22, 22)))
    for place in (*((-58, 58) if not dice.one_in(3) else ()), *inner):
        dashed = place in inner and not dice.one_in(4)
        _marking(canvas, plan, dice, place, color, dashed)


def _marking(canvas: Canvas, plan: Plan, dice: Dice, place: int, color: Color, dashed: bool) -> None:
    box = Box(0, plan.horizon + 2, plan.width, plan.height)
    depth = plan.road.depth[box.top :]
    center = plan.road.middle[box.top :] + plan.road.half[box.top :] * place // 64
    widest = max(1, dice.between(2, 3) * plan.unit // 96)
    # Where the line moves sideways by more than its width per row, it would fall apart into dots.
    width = np.maximum(np.maximum(1, depth * widest // NEAR), np.abs(np.diff(center, append=center[-1])))
    if dashed:
        width = np.where(_dashes(depth, dice), width, 0)
    left = center - width // 2
    canvas.fill(_strip(box.top, left, left + width), color, Label.LANE_MARKING)


def _dashes(depth: Ints, dice: Dice) -> Mask:
    # Distance along the road goes with the reciprocal of the depth in the picture.
    along = NEAR * dice.between(19, 32) // np.maximum(depth, NEAR // 32) + dice.between(0, 31)
    return along // 16 % 2 == 0


def draw_zones(canvas: Canvas, plan: Plan, dice: Dice) -> None:
    """The hatched boxes on the ground; stop and go zones look the same."""
    label = Label.STOP_ZONE if plan.stop else Label.GO_ZONE
    period = dice.between(max(2, plan.unit // 24), max(3, plan.unit // 12))
    slant = dice.pick((-2, -1, 1, 2))
    phase = dice.between(0, 2 * period)
    for zone in plan.zones:
        rows, columns = np.arange(zone.height)[:, None], np.arange(zone.width)[None, :]
        start = _lean(plan, zone)[:, None]
        mask = (columns >= start) & (columns < start + zone.width - abs(plan.lean))
        stripes = (columns - start + slant * rows + phase) // period % 2 == 0
        canvas.stencil(zone, mask & stripes, _YELLOW, label)
        canvas.stencil(zone, mask & ~stripes, _WHITE, label)


def _lean(plan: Plan, zone: Box) -> Ints:
    """First column of each row in a zone's box, int64 [rows]: the sides run towards the vanishing point."""
    first, last = plan.zones[0].top, plan.zones[-1].bottom
    moved = np.arange(zone.top - first, zone.bottom - first) * abs(plan.lean) // max(last - first - 1, 1)
    return moved if plan.lean > 0 else abs(plan.lean) - moved
