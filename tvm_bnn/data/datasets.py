"""The sets of data that networks are trained and measured on, by name."""

from __future__ import annotations

from tvm_bnn.data.cityscapes import Cityscapes
from tvm_bnn.data.contract import DataSet, Request, Size, Split
from tvm_bnn.data.drawn import Scenes, ScenesCityscapes, ScenesEcssd, ScenesKittiRoad
from tvm_bnn.data.ecssd import Ecssd
from tvm_bnn.data.kitti_road import KittiRoad
from tvm_bnn.data.labelled_files import LabelledFiles
from tvm_bnn.errors import UsageError, closest

__all__ = ["DATA_SETS", "DataSet", "Request", "Scenes", "Size", "Source", "Split", "find"]

Source = type[Scenes] | type[LabelledFiles]

DATA_SETS: dict[str, Source] = {
    source.name: source
    for source in (Scenes, ScenesCityscapes, ScenesKittiRoad, ScenesEcssd, Cityscapes, KittiRoad, Ecssd)
}
"""Every data set by name."""


def find(name: str) -> Source:
    """The data set of a name, whose classes can be asked for before any picture is read.

    Raises:
        UsageError: unknown name, with the closest.
    """
    if name not in DATA_SETS:
        raise UsageError(f"--data: expected the name of a data set, got '{name}'", closest(name, DATA_SETS))
    return DATA_SETS[name]
