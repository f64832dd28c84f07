from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tvm_bnn.data.label_files import load_indices, translated
from tvm_bnn.errors import UsageError


def test_grey_and_palettes_are_read_as_they_are_stored(tmp_path: Path) -> None:
    stored = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for mode in ("L", "P"):
        picture = Image.fromarray(stored, mode="L")
        if mode == "P":
            picture.putpalette([200 - value for value in range(768 // 4)] * 4)
        picture.save(tmp_path / "labels.png")
        with Image.open(tmp_path / "labels.png") as opened:
            assert opened.mode == mode
        assert np.array_equal(load_indices(tmp_path / "labels.png"), stored)


def test_other_pictures(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "color.png")
    with pytest.raises(UsageError, match="expected labels in 8-bit grey, got a picture of mode RGB at"):
        load_indices(tmp_path / "color.png")
    with pytest.raises(UsageError, match="got no file at"):
        load_indices(tmp_path / "none.png")


def test_translated() -> None:
    stored = np.array([[5, 9], [9, 255]], np.uint8)
    assert translated(stored, {5: 1, 9: 0, 255: 255}, Path("x"), "ids").tolist() == [[1, 0], [0, 255]]
    with pytest.raises(UsageError, match="expected ids of 5 or 255, got 9 in 'x'"):
        translated(stored, {5: 1, 255: 255}, Path("x"), "ids of 5 or 255")
