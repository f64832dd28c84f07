"""Light over a scene: the time of day, the sky, the sun."""

from __future__ import annotations

from dataclasses import dataclass

from tvm_bnn.data.scenes.canvas import Color
from tvm_bnn.data.scenes.dice import Dice


@dataclass(frozen=True)
class Weather:
    """What the light is like.

    Attributes:
        sky: colours of the zenith and of the horizon.
        sun: columns that a shadow moves to the right while what casts it rises by 64 rows; negative to the left, 0
            without a sun.
        shade: 64ths of the light that are missing in a shadow.
        tint: how much more or less of red, green and blue there is, in 64ths.
        brightness: grey levels that all is lighter by.
        vignette: 64ths of the light that are missing in the corners.
        grain: grey levels of the camera's noise at its greatest.
    """

    sky: tuple[Color, Color]
    sun: int
    shade: int
    tint: Color
    brightness: int
    vignette: int
    grain: int


_BLUE: tuple[tuple[Color, Color], ...] = (
    ((88, 140, 210), (190, 212, 232)),
    ((120, 160, 205), (215, 222, 228)),
    ((64, 118, 196), (176, 204, 230)),
)
_GREY: tuple[tuple[Color, Color], ...] = (
    ((150, 156, 165), (205, 205, 205)),
    ((174, 178, 182), (216, 216, 214)),
    ((112, 120, 132), (172, 176, 180)),
)
_WARM: tuple[tuple[Color, Color], ...] = (
    ((110, 120, 150), (235, 195, 160)),
    ((96, 112, 158), (240, 176, 128)),
)
_DUSK: tuple[tuple[Color, Color], ...] = (
    ((48, 58, 92), (146, 120, 130)),
    ((70, 84, 120), (178, 150, 140)),
)


def choose_weather(dice: Dice) -> Weather:
    """A clear day, an overcast one, a low sun, or dusk."""
    side = dice.pick((-1, 1))
    kind = dice.between(0, 7)
    if kind < 3:
        sky, sun, shade, tint, dark = dice.pick(_BLUE), side * dice.between(8, 48), 26, (0, 0, 0), 0
    elif kind < 5:
        sky, sun, shade, tint, dark = dice.pick(_GREY), 0, 14, (-1, 0, 1), -6
    elif kind < 7:
        sky, sun, shade, tint, dark = dice.pick(_WARM), side * dice.between(96, 200), 30, (7, 1, -7), -4
    else:
        sky, sun, shade, tint, dark = dice.pick(_DUSK), 0, 12, (-4, -3, 4), -26
    brightness = dark + dice.between(-26, 16)
    return Weather(sky, sun, shade, tint, brightness, dice.between(0, 20), dice.between(2, 7))
