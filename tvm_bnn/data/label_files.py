"""Label maps as data sets store them in picture files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tvm_bnn.data.picture import readable
from tvm_bnn.errors import UsageError

_INDEXED = ("L", "P")

UInt8 = npt.NDArray[np.uint8]


def load_indices(path: Path) -> UInt8:
    """The numbers in a greyscale or palette picture of 8 bits, as they are stored, uint8 [H, W].

    Raises:
        UsageError: no such file, damaged, or a picture of another kind.
    """
    with readable(path), Image.open(path) as opened:
        if opened.mode not in _INDEXED:
            raise UsageError(
                f"expected labels in 8-bit grey, got a picture of mode {opened.mode} at '{path}'",
                "give the label files of the data set, not their coloured versions",
            )
        return np.array(opened)


def translated(stored: UInt8, table: Mapping[int, int], path: Path, what: str) -> UInt8:
    """Labels for the numbers in a file.

    Args:
        stored: uint8 [H, W].
        table: labels by number.
        path: of the file, for the message.
        what: the numbers may be, for the message: ``label ids of 0..33 or 255``.

    Raises:
        UsageError: a number that is not in ``table``.
    """
    present = np.flatnonzero(np.bincount(stored.ravel(), minlength=256))
    unknown = [int(number) for number in present if int(number) not in table]
    if unknown:
        raise UsageError(
            f"expected {what}, got {unknown[0]} in '{path}'",
            "the file belongs to another data set or was converted otherwise",
        )
    lookup = np.zeros(256, np.uint8)
    lookup[list(table)] = list(table.values())
    return lookup[stored]
