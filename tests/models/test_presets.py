import subprocess
import sys

import pytest

from tvm_bnn.cli.options import DEFAULT_MODEL
from tvm_bnn.errors import UsageError
from tvm_bnn.models.config import check_size
from tvm_bnn.models.presets import PRESETS, preset


def test_presets() -> None:
    assert {name: (len(config.classes), config.input_size) for name, config in PRESETS.items()} == {
        "cityscapes": (19, (1024, 2048)),
        "kitti-road": (2, (384, 1248)),
        "ecssd": (2, (320, 320)),
    }
    assert DEFAULT_MODEL in PRESETS


def test_presets_make_sense() -> None:
    for config in PRESETS.values():
        check_size(config.input_size, 32)
        assert len({one.color for one in config.classes}) == len({one.name for one in config.classes})
        assert all(0 <= value <= 255 for one in config.classes for value in one.color)


def test_width() -> None:
    assert preset("ecssd", "L").width == "L"


def test_unknown_preset() -> None:
    with pytest.raises(UsageError, match="got 'kiti-road'") as caught:
        preset("kiti-road")
    assert str(caught.value.hint).startswith("did you mean 'kitti-road'?")


def test_torch_is_not_imported() -> None:
    code = "import sys, tvm_bnn.models.presets; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
