"""One scene, and many."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tvm_bnn.data.scenes.salient import draw_salient
from tvm_bnn.data.scenes.street import draw_street, plan_street
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
    check_size(size)
    return Scene(*draw_street(index, size, seed), CUE_SIZES[cue(index, size, seed)])


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
    check_size(size)
    pictures, labels = np.empty((count, *size, 3), np.uint8), np.empty((count, *size), np.uint8)
    cues = np.empty(count, np.int8)
    for at in range(count):
        pictures[at], labels[at] = draw_street(first + at, size, seed)
        cues[at] = cue(first + at, size, seed)
    return pictures, labels, cues


def cue(index: int, size: tuple[int, int], seed: int) -> int:
    """The place of a scene's cue in `CUE_SIZES`, without drawing it."""
    return plan_street(index, size, seed)[0].cue


DRAWERS: dict[str, Callable[[int, tuple[int, int], int], tuple[UInt8, UInt8]]] = {
    "street": draw_street,
    "salient": draw_salient,
}
"""What draws a kind of scene: index, size and seed give picture and labels."""


def check_size(size: tuple[int, int]) -> None:
    """Refuse what is too small for a scene.

    Raises:
        UsageError: fewer than 32x64 pixels.
    """
    if any(got < least for got, least in zip(size, SMALLEST, strict=True)):
        least, got = ("x".join(map(str, each)) for each in (SMALLEST, size))
        raise UsageError(f"expected scenes of at least {least} pixels, got {got}", "give a larger size, such as 96x192")
