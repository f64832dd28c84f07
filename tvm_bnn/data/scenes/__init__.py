"""Drawn road scenes with exact labels: data to train and evaluate on without any download.

Two things make them hard in the way that real data are: structures a pixel or two wide, and two classes that look the
same and differ only in the colour of a signal far away from them.
"""

from tvm_bnn.data.scenes.draw import Scene, scene, scenes
from tvm_bnn.data.scenes.vocabulary import CUE_CLASSES, CUE_SIZES, SCENE_CLASSES, THIN_CLASSES

__all__ = ["CUE_CLASSES", "CUE_SIZES", "SCENE_CLASSES", "THIN_CLASSES", "Scene", "scene", "scenes"]
