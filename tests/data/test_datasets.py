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


def test_presets_and_published_data_go_by_the_same_names() -> None:
    assert set(PRESETS) == DATA_SETS.keys() - {"scenes"}
    assert all(name == source.name for name, source in DATA_SETS.items())
