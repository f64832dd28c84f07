"""From clean colours to a picture as a camera takes it."""

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.canvas import Canvas
from tvm_bnn.data.scenes.dice import Dice, Int16
from tvm_bnn.data.scenes.vocabulary import Label

# Grey levels at the height of a grain, and of a stain.
_GRAIN = {Label.SKY: 2, Label.BUILDING: 9, Label.VEGETATION: 26, Label.ROAD: 10, Label.SIDEWALK: 9}
_STAIN = {Label.SKY: 0, Label.BUILDING: 18, Label.VEGETATION: 22, Label.ROAD: 22, Label.SIDEWALK: 22}
_OTHERS = 6


def develop(canvas: Canvas, dice: Dice) -> npt.NDArray[np.uint8]:
    """The picture: texture, blur, light and noise over the canvas, uint8 [H, W, 3]."""
    height, width = canvas.height, canvas.width
    labels = canvas.labels
    texture = dice.noise(height, width) * _levels(_GRAIN)[labels] >> 7
    texture += dice.clouds(height, width, max(4, height // 8)) * _levels(_STAIN)[labels] >> 7
    colors = canvas.colors + texture[:, :, None]
    if dice.one_in(3):
        colors = _blur(colors)
    brightness, contrast = dice.between(-32, 16), dice.between(44, 74)
    gains = np.array([contrast + dice.between(-6, 6) for _ in range(3)], np.int16)
    light = (np.clip(colors, 0, 255) - 128) * gains >> 6
    light += dice.noise(height, width, 3) * dice.between(2, 7) >> 7
    light += 128 + brightness
    return np.clip(light, 0, 255).astype(np.uint8)


def _levels(some: dict[Label, int]) -> Int16:
    return np.array([some.get(label, _OTHERS) for label in Label], np.int16)


def _blur(colors: Int16) -> Int16:
    """Each pixel half itself and half its neighbours, along both axes."""
    padded = np.pad(colors, ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) >> 4
