"""What calibration needs: pictures for networks that have no data yet, and arithmetic that repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_OCTAVES = 5


@dataclass(frozen=True)
class Peaks:
    """What a network's values were like on some pictures: all that freezing has to know of these.

    Attributes:
        shape: of the pictures, [N, C, H, W].
        values: the largest magnitude of every value, by its name in the traced network.
    """

    shape: tuple[int, int, int, int]
    values: Mapping[str, float]


@contextmanager
def fixed_order() -> Iterator[None]:
    """Run torch on one thread, so that the order of every sum, and with it the last bit, is always the same."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def synthetic_pictures(count: int, size: tuple[int, int], seed: int = 0) -> Tensor:
    """Colour noise of all scales, as natural pictures have it: uint8 [count, 3, H, W], the same on every machine.

    Random grids of 2, 4, 8, ... cells are enlarged to the picture and added in integers, coarse ones with more
    weight, and the sum is stretched to 0..255.

    Args:
        count: number of pictures.
        size: (H, W).
        seed: of the noise.
    """
    generator = np.random.default_rng(seed)
    total = np.zeros((count, 3, *size), np.int64)
    for octave in range(_OCTAVES):
        cells = 2 << octave
        grid = generator.integers(0, 256, (count, 3, cells, cells))
        rows, columns = (np.arange(extent) * cells // extent for extent in size)
        total += grid[:, :, rows[:, None], columns] << (_OCTAVES - octave)
    low, high = total.min(), total.max()
    return torch.from_numpy(((total - low) * 255 // max(high - low, 1)).astype(np.uint8))
