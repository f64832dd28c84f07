"""From clean colours to a picture as a camera takes it."""

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.canvas import Canvas
from tvm_bnn.data.scenes.dice import Dice, Int16
from tvm_bnn.data.scenes.vocabulary import Label
from tvm_bnn.data.scenes.weather import Weather

# Grey levels at the height of a grain, and of a stain.
_GRAIN = {
    Label.SKY: 2,
    Label.BUILDING: 9,
    Label.WALL: 14,
    Label.VEGETATION: 26,
    Label.TERRAIN: 20,
    Label.ROAD: 10,
    Label.SIDEWALK: 9,
}
_STAIN = {
    Label.SKY: 0,
    Label.BUILDING: 18,
    Label.WALL: 20,
    Label.VEGETATION: 22,
    Label.TERRAIN: 24,
    Label.ROAD: 22,
    Label.SIDEWALK: 22,
}
_OTHERS = 6
_FULL = 64


def develop(canvas: Canvas, weather: Weather, dice: Dice) -> npt.NDArray[np.uint8]:
    """The picture: texture, shadows, blur, light and noise over the canvas, uint8 [H, W, 3]."""
    texture, light = _texture(canvas, dice), _light(canvas, weather)
    blurred = dice.one_in(3)
    contrast = dice.between(44, 74)
    gains = [contrast + tint + dice.between(-5, 5) for tint in weather.tint]
    picture = np.empty((canvas.height, canvas.width, 3), np.uint8)
    # Plane by plane, in place: a large picture takes as long as its bytes are carried to and fro.
    for channel, (plane, gain) in enumerate(zip(canvas.colors, gains, strict=True)):
        plane += texture
        if blurred:
            _blur(plane)
        np.clip(plane, 0, 255, out=plane)
        plane *= light
        plane >>= 6
        plane -= 128
        plane *= np.int16(gain)
        plane >>= 6
        grain = dice.noise(canvas.height, canvas.width)
        grain *= np.int16(weather.grain)
        grain >>= 7
        plane += grain
        plane += np.int16(128 + weather.brightness)
        np.clip(plane, 0, 255, out=plane)
        picture[:, :, channel] = plane
    return picture


def _texture(canvas: Canvas, dice: Dice) -> Int16:
    """Grey levels that pixels are lighter by, int16 [H, W]."""
    height, width = canvas.height, canvas.width
    texture = dice.noise(height, width)
    texture *= canvas.by_label(_levels(_GRAIN))
    texture >>= 7
    stains = dice.clouds(height, width, max(4, height // 8))
    stains *= canvas.by_label(_levels(_STAIN))
    stains >>= 7
    texture += stains
    return texture


def _light(canvas: Canvas, weather: Weather) -> Int16:
    """64ths of the light that there are, int16 [H, W]: fewer in shadows and towards the corners."""
    down, across = (_falloff(extent, weather.vignette) for extent in (canvas.height, canvas.width))
    light = _FULL - down[:, None] - across[None, :]
    light -= canvas.shade * np.int16(weather.shade)
    return light


def _falloff(extent: int, most: int) -> Int16:
    """Half of `most` at either end, nothing in the middle, as the square of the distance."""
    aside = 2 * np.arange(extent) + 1 - extent
    return (aside * aside * most // (2 * extent * extent)).astype(np.int16)


def _levels(some: dict[Label, int]) -> Int16:
    return np.array([some.get(label, _OTHERS) for label in Label], np.int16)


def _blur(plane: Int16) -> None:
    """Each pixel half itself and half its neighbours, along both axes; the edge is left as it is."""
    for rows in (plane, plane.T):
        sides = rows[:-2] + rows[2:]
        inner = rows[1:-1]
        sides += inner
        sides += inner
        sides >>= 2
        inner[...] = sides
