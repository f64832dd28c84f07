"""The classes of a scene."""

from enum import IntEnum

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.models.presets import CITYSCAPES_CLASSES


class Label(IntEnum):
    """The number of each class in a label map: the train ids of Cityscapes, and classes of our own after them."""

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    TRAFFIC_LIGHT = 6
    TRAFFIC_SIGN = 7
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    PERSON = 11
    RIDER = 12
    CAR = 13
    TRUCK = 14
    BUS = 15
    TRAIN = 16
    MOTORCYCLE = 17
    BICYCLE = 18
    LANE_MARKING = 19
    STOP_ZONE = 20
    GO_ZONE = 21


SCENE_CLASSES: tuple[ClassInfo, ...] = (
    *CITYSCAPES_CLASSES,
    ClassInfo("lane marking", (255, 255, 255)),
    ClassInfo("stop zone", (255, 105, 60)),
    ClassInfo("go zone", (0, 210, 100)),
)
"""Every class, in the order of the labels."""

THIN_CLASSES = ("fence", "pole", "traffic sign", "bicycle", "lane marking")
"""Classes that are a few pixels wide."""

CUE_CLASSES = ("stop zone", "go zone")
"""Classes that look the same; the colour of the traffic light says which it is."""

CUE_SIZES = ("small", "medium", "large")
"""Sizes of the traffic light, each as frequent as the others; see `CUE_DIVISORS`."""

CUE_DIVISORS = (16, 8, 4)
"""For each of `CUE_SIZES`, how many of the traffic light's lamps fit into the picture's height."""
