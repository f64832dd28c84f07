"""One scene, and many."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.backdrop import draw_buildings, draw_far_green, draw_trees, sky
from tvm_bnn.data.scenes.canvas import Canvas
from tvm_bnn.data.scenes.develop import develop
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.ground import draw_ground, draw_markings, draw_zones
from tvm_bnn.data.scenes.plan import plan_scene
from tvm_bnn.data.scenes.things import draw_poles, draw_signal, draw_vehicles
from tvm_bnn.data.scenes.vocabulary import CUE_SIZES
from tvm_bnn.errors import UsageError

SIZE = (96, 192)
SMALLEST = (32, 64)

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A picture with its labels.

    Attributes:
        picture: uint8 [H, W, 3], RGB.
        labels: uint8 [H, W], indices into `SCENE_CLASSES`; no pixel is unlabelled.
        cue_size: one of `CUE_SIZES`.
    """

    picture: UInt8
    labels: UInt8
    cue_size: str


def scene(index: int, size: tuple[int, int] = SIZE, seed: int = 0) -> Scene:
    """One scene, the same for the same arguments on every machine.

    Args:
        index: its place in the set, at least 0.
        size: (H, W), at least 32x64.
        seed: of the set, at least 0.

    Raises:
        UsageError: the size is too small.
    """
    picture, labels, cue = _draw(index, size, seed)
    return Scene(picture, labels, CUE_SIZES[cue])


def scenes(
    first: int, count: int, size: tuple[int, int] = SIZE, seed: int = 0
) -> tuple[UInt8, UInt8, npt.NDArray[np.int8]]:
    """The scenes `first` to `first + count - 1`, stacked.

    Args:
        first: index of the first scene, at least 0.
        count: number of scenes.
        size: (H, W), at least 32x64.
        seed: of the set, at least 0.

    Returns:
        Pictures uint8 [count, H, W, 3], labels uint8 [count, H, W], cue sizes int8 [count] as indices into `CUE_SIZES`.

    Raises:
        UsageError: the size is too small.
    """
    _check(size)
    pictures, labels = np.empty((count, *size, 3), np.uint8), np.empty((count, *size), np.uint8)
    cues = np.empty(count, np.int8)
    for at in range(count):
        pictures[at], labels[at], cues[at] = _draw(first + at, size, seed)
    return pictures, labels, cues


def _draw(index: int, size: tuple[int, int], seed: int) -> tuple[UInt8, UInt8, int]:
    _check(size)
    dice = Dice(seed, index)
    plan = plan_scene(dice, *size)
    canvas = Canvas(sky(plan, dice))
    draw_far_green(canvas, plan, dice)
    draw_buildings(canvas, plan, dice)
    draw_ground(canvas, plan, dice)
    draw_markings(canvas, plan, dice)
    draw_trees(canvas, plan, dice)
    draw_poles(canvas, plan, dice)
    draw_zones(canvas, plan, dice)
    draw_vehicles(canvas, plan, dice)
    draw_signal(canvas, plan, dice)
    return develop(canvas, dice), canvas.labels, plan.cue


def _check(size: tuple[int, int]) -> None:
    if any(got < least for got, least in zip(size, SMALLEST, strict=True)):
        least, got = ("x".join(map(str, each)) for each in (SMALLEST, size))
        raise UsageError(f"expected scenes of at least {least} pixels, got {got}", "give a larger size, such as 96x192")
