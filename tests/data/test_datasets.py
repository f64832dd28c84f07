import pytest

from tvm_bnn.data.datasets import DATA_SETS, find
from tvm_bnn.data.drawn import Scenes
from tvm_bnn.errors import UsageError
from tvm_bnn.models.presets import PRESETS


def test_names() -> None:
    assert find("scenes") is Scenes
    with pytest.raises(UsageError, match="--data: expected the name of a data set, got 'scene'") as caught:
        find("scene")
    assert caught.value.hint == f"did you mean 'scenes'? choose from: {', '.join(DATA_SETS)}"


def test_every_preset_has_published_data_and_scenes_of_its_name_and_classes() -> None:
    drawn = {f"scenes-{name}" for name in PRESETS}
    assert DATA_SETS.keys() == {"scenes"} | set(PRESETS) | drawn
    assert all(name == source.name for name, source in DATA_SETS.items())
    for name, config in PRESETS.items():
        published, scenes = DATA_SETS[name], DATA_SETS[f"scenes-{name}"]
        assert published.classes == scenes.classes == config.classes
        assert published.measure == scenes.measure
