"""The classes of a scene."""

from enum import IntEnum

from tvm_bnn.data.classes import ClassInfo


class Label(IntEnum):
    """The number of each class in a label map."""

    SKY = 0
    BUILDING = 1
    VEGETATION = 2
    ROAD = 3
    SIDEWALK = 4
    LANE_MARKING = 5
    POLE = 6
    VEHICLE = 7
    SIGNAL = 8
    STOP_ZONE = 9
    GO_ZONE = 10


_COLORS = {
    Label.SKY: (70, 130, 180),
    Label.BUILDING: (90, 80, 75),
    Label.VEGETATION: (107, 142, 35),
    Label.ROAD: (128, 64, 128),
    Label.SIDEWALK: (244, 35, 232),
    Label.LANE_MARKING: (255, 255, 255),
    Label.POLE: (255, 200, 0),
    Label.VEHICLE: (0, 0, 142),
    Label.SIGNAL: (0, 220, 220),
    Label.STOP_ZONE: (220, 20, 30),
    Label.GO_ZONE: (0, 200, 80),
}

SCENE_CLASSES: tuple[ClassInfo, ...] = tuple(
    ClassInfo(label.name.lower().replace("_", " "), _COLORS[label]) for label in Label
)
"""Every class, in the order of the labels."""

THIN_CLASSES = ("lane marking", "pole")
"""Classes that are a few pixels wide."""

CUE_CLASSES = ("stop zone", "go zone")
"""Classes that look the same; the colour of the signal says which it is."""

CUE_SIZES = ("small", "medium", "large")
"""Sizes of the signal, each as frequent as the others; see `CUE_DIVISORS`."""

CUE_DIVISORS = (16, 8, 4)
"""For each of `CUE_SIZES`, how many of the signal's lights fit into the picture's height."""
