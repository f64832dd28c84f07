"""The presets: one network per set of data."""

from __future__ import annotations

import dataclasses

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError, closest
from tvm_bnn.models.config import SegmentationConfig

CITYSCAPES_CLASSES = (
    ClassInfo("road", (128, 64, 128)),
    ClassInfo("sidewalk", (244, 35, 232)),
    ClassInfo("building", (70, 70, 70)),
    ClassInfo("wall", (102, 102, 156)),
    ClassInfo("fence", (190, 153, 153)),
    ClassInfo("pole", (153, 153, 153)),
    ClassInfo("traffic light", (250, 170, 30)),
    ClassInfo("traffic sign", (220, 220, 0)),
    ClassInfo("vegetation", (107, 142, 35)),
    ClassInfo("terrain", (152, 251, 152)),
    ClassInfo("sky", (70, 130, 180)),
    ClassInfo("person", (220, 20, 60)),
    ClassInfo("rider", (255, 0, 0)),
    ClassInfo("car", (0, 0, 142)),
    ClassInfo("truck", (0, 0, 70)),
    ClassInfo("bus", (0, 60, 100)),
    ClassInfo("train", (0, 80, 100)),
    ClassInfo("motorcycle", (0, 0, 230)),
    ClassInfo("bicycle", (119, 11, 32)),
)
"""The 19 evaluated classes of Cityscapes by train id, with its official colours."""

KITTI_ROAD_CLASSES = (ClassInfo("background", (40, 40, 48)), ClassInfo("road", (128, 64, 128)))
ECSSD_CLASSES = (ClassInfo("background", (40, 40, 48)), ClassInfo("salient object", (235, 185, 40)))

PRESETS = {
    config.name: config
    for config in (
        SegmentationConfig("cityscapes", CITYSCAPES_CLASSES, (1024, 2048)),
        SegmentationConfig("kitti-road", KITTI_ROAD_CLASSES, (384, 1248)),
        SegmentationConfig("ecssd", ECSSD_CLASSES, (320, 320)),
    )
}


def preset(name: str, width: str = "S") -> SegmentationConfig:
    """The configuration of a preset.

    Raises:
        UsageError: unknown preset or width, with the closest names.
    """
    if name not in PRESETS:
        message = f"model: expected a preset, a checkpoint or package.module:factory, got '{name}'"
        raise UsageError(message, closest(name, PRESETS))
    return dataclasses.replace(PRESETS[name], width=width)
