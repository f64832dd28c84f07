"""Drawn streets with exact labels: data to train and evaluate on without any download.

Three things make them hard in the way that real data are: structures a pixel or two wide, things that hide parts of
others, and two classes that look the same and differ only in the colour of a traffic light far away from them.
"""

from tvm_bnn.data.scenes.draw import DRAWERS, Scene, check_size, cue, scene, scenes
from tvm_bnn.data.scenes.vocabulary import CUE_CLASSES, CUE_SIZES, SCENE_CLASSES, THIN_CLASSES

__all__ = [
    "CUE_CLASSES",
    "CUE_SIZES",
    "DRAWERS",
    "SCENE_CLASSES",
    "THIN_CLASSES",
    "Scene",
    "check_size",
    "cue",
    "scene",
    "scenes",
]
