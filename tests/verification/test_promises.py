import dataclasses

import pytest

from tvm_bnn.models.config import Size
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.verification.promises import PROMISES, promised


def model(size: Size, width: str = "S") -> LoadedModel:
    network = dataclasses.make_dataclass("Unused", ())()
    return LoadedModel("any", width, size, (), network, trained=True)


@pytest.mark.parametrize(
    ("name", "size"), [("cityscapes", (1024, 2048)), ("kitti-road", (384, 1248)), ("ecssd", (320, 320))]
)
def test_promises_are_for_the_sizes_of_the_presets(name: str, size: Size) -> None:
    assert promised(model(size)) == PROMISES[name]


@pytest.mark.parametrize(("size", "width"), [((384, 1280), "S"), ((384, 1248), "")])
def test_nothing_is_promised_of_other_sizes_and_networks(size: Size, width: str) -> None:
    assert promised(model(size, width)) is None
