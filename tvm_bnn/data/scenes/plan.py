"""Where things stand in a scene, before anything is drawn.

All lengths are whole pixels. A box is half open: its right column and its bottom row are the first ones outside it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.vocabulary import CUE_DIVISORS

NEAR = 4096
"""The depth of the picture's bottom row; the horizon's is 0."""

KERB = 64
"""How far the road reaches from its middle; other distances from it are measured by this."""

HALF_ROAD = 400
"""Half the width of the road in centimetres, which all sizes of things go by."""

Ints = npt.NDArray[np.int64]


class Box(NamedTuple):
    """A rectangle of pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns in it."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows in it."""
        return self.bottom - self.top

    def meets(self, other: "Box") -> bool:
        """Whether the two share a pixel."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


class Spot(NamedTuple):
    """Where a thing stands, and how large things are there.

    Attributes:
        column: of its middle.
        row: the first below its foot.
        scale: pixels that half the width of the road takes up there.
        facing: 1 to the right, -1 to the left.
    """

    column: int
    row: int
    scale: int
    facing: int = 1

    def pixels(self, centimetres: int) -> int:
        """A length at this distance, at least 1 pixel."""
        return max(1, centimetres * self.scale // HALF_ROAD)

    def box(self, back: int, high: int, front: int, low: int = 0) -> Box:
        """A box in centimetres from the middle and above the foot; never empty."""
        left, top = self.point(back if self.facing > 0 else front, high)
        right, bottom = self.point(front if self.facing > 0 else back, low)
        return Box(left, min(top, bottom - 1), max(right, left + 1), bottom)

    def point(self, ahead: int, high: int) -> tuple[int, int]:
        """A corner (column, row) in centimetres from the middle and above the foot."""
        return self.column + self.facing * ahead * self.scale // HALF_ROAD, self.row - high * self.scale // HALF_ROAD

    def points(self, *corners: tuple[int, int]) -> list[tuple[int, int]]:
        """Several corners at once."""
        return [self.point(*corner) for corner in corners]


@dataclass(frozen=True)
class Road:
    """The road, row by row: int64 [H] each, meaningful from the horizon down.

    Attributes:
        depth: 0 at the horizon to `NEAR` at the bottom.
        middle: column of its middle line.
        half: half its width, in pixels.
    """

    depth: Ints
    middle: Ints
    half: Ints

    def covers(self, column: int, row: int) -> bool:
        """Whether this pixel lies on the road or on its kerb."""
        return abs(column - int(self.middle[row])) <= int(self.half[row]) + 1

    def column(self, row: int, aside: int) -> int:
        """The column that lies so many 64ths of half the road's width from its middle; negative to the left."""
        return int(self.middle[row]) + int(self.half[row]) * aside // KERB


@dataclass(frozen=True)
class Plan:
    """The places of one scene.

    Attributes:
        height: of the picture.
        width: of the picture.
        horizon: the row of the horizon.
        vanishing: the column in which the road meets it.
        front: int64 [W], the row in each column where the ground begins before the buildings.
        road: see `Road`.
        stop: whether the traffic light is red, and the zones are stop zones.
        cue: index into `CUE_SIZES`.
        light: diameter of the lamp that is on.
        signal: the housing of the traffic light.
        zones: boxes around the zones, one or two, the farther first.
        lean: columns by which a zone's sides move from its top to its bottom; negative to the left.
    """

    height: int
    width: int
    horizon: int
    vanishing: int
    front: Ints
    road: Road
    stop: bool
    cue: int
    light: int
    signal: Box
    zones: tuple[Box, ...]
    lean: int

    @property
    def unit(self) -> int:
        """What sizes of things are shares of: the height, but never more than the width."""
        return min(self.height, self.width)

    def spot(self, row: int, aside: int) -> Spot:
        """A place on the ground in 64ths of half the road's width from its middle, as in :meth:`Road.column`."""
        return Spot(self.road.column(row, aside), row, int(self.road.half[row]))

    def is_free(self, box: Box) -> bool:
        """Whether a thing in this box leaves all of the zones to be seen."""
        around = Box(box.left - 1, box.top - 1, box.right + 1, box.bottom + 1)
        return not any(around.meets(zone) for zone in self.zones)


def plan_scene(dice: Dice, height: int, width: int) -> Plan:
    """Choose the places of a scene.

    Args:
        dice: the scene's.
        height: of the picture, at least 32.
        width: of the picture, at least 64.
    """
    unit = min(height, width)
    horizon = dice.between(34 * height // 100, 46 * height // 100)
    vanishing = dice.between(3 * width // 10, 7 * width // 10)
    slope = dice.between(height // 16, height // 8)
    front = horizon + 1 + np.abs(np.arange(width) - vanishing) * slope // width
    cue = dice.between(0, len(CUE_DIVISORS) - 1)
    light = unit // CUE_DIVISORS[cue]
    zone = _zone_size(dice, height, width)
    side = light + 2 * max(1, light // 5)
    signal_left, zone_left = _far_apart(dice, width, side, zone.width)
    signal_top = _signal_top(dice, height, horizon - side)
    signal = Box(signal_left, signal_top, signal_left + side, signal_top + side)
    zone_top = dice.between(58 * height // 100, 98 * height // 100 - zone.height)
    place = Box(zone_left, zone_top, zone_left + zone.width, zone_top + zone.height)
    lean = zone.lean if 2 * vanishing < place.left + place.right else -zone.lean
    road = _road(dice, height, width, horizon, vanishing)
    zones = _split(dice, place)
    stop = dice.one_in(2)
    return Plan(height, width, horizon, vanishing, front, road, stop, cue, light, signal, zones, lean)


def _road(dice: Dice, height: int, width: int, horizon: int, vanishing: int) -> Road:
    depth = np.maximum(np.arange(height) - horizon, 0) * NEAR // (height - 1 - horizon)
    across = min(width, 2 * height)
    near = dice.between(30 * across // 100, 48 * across // 100)
    far = max(1, width // 96)
    bottom = dice.between(4 * width // 10, 6 * width // 10)
    bend = dice.between(-width // 12, width // 12)
    middle = vanishing + (bottom - vanishing) * depth // NEAR + bend * 4 * depth * (NEAR - depth) // NEAR**2
    return Road(depth, middle, far + (near - far) * depth // NEAR)


class _ZoneSize(NamedTuple):
    width: int
    height: int
    lean: int


def _zone_size(dice: Dice, height: int, width: int) -> _ZoneSize:
    pixels = dice.between(38, 70) * height * width // 1000
    # Wider than this, it might find no place far enough from the signal.
    widest = 24 * width // 100
    rows = dice.between(max(16 * height // 100, -(-pixels // widest)), 36 * height // 100)
    mean = -(-pixels // rows)
    # The parallelogram covers `mean` columns in each row, and its box is wider by what its sides lean.
    return _ZoneSize(mean + mean // 4, rows, mean // 4)


def _far_apart(dice: Dice, width: int, signal: int, zone: int) -> tuple[int, int]:
    """Left columns of signal and zone: a quarter of the picture lies between them, on either side by chance."""
    gap = -(-width // 4)
    signal_left = dice.between(0, width - signal - gap - zone)
    zone_left = dice.between(signal_left + signal + gap, width - zone)
    if dice.one_in(2):
        return width - signal - signal_left, width - zone - zone_left
    return signal_left, zone_left


def _signal_top(dice: Dice, height: int, lowest: int) -> int:
    lowest = max(lowest, 0)
    return dice.between(min(height // 32, lowest), lowest)


def _split(dice: Dice, place: Box) -> tuple[Box, ...]:
    if dice.one_in(2):
        return (place,)
    cut = place.top + place.height * dice.between(40, 60) // 100
    gap = max(1, place.height // 12)
    return place._replace(bottom=cut), place._replace(top=cut + gap)
