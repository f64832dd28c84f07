"""Chance that falls the same way on every machine and with every version of NumPy."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_BLOCK = 512

T = TypeVar("T")
Int16 = npt.NDArray[np.int16]


class Dice:
    """Random whole numbers, made from the raw output of a bit generator.

    NumPy promises the raw output of PCG64 for good; what `Generator.integers` makes of it may change.

    Args:
        seed: of the whole set, at least 0.
        index: of the scene in it, at least 0.
    """

    def __init__(self, seed: int, index: int) -> None:
        self._source = np.random.PCG64([seed, index])
        self._ready: list[int] = []

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included; `low` if there is none between them."""
        if not self._ready:
            self._ready = self._source.random_raw(_BLOCK).tolist()
        return low + self._ready.pop() % max(high - low + 1, 1)

    def one_in(self, chances: int) -> bool:
        """True once in `chances` throws."""
        return self.between(1, chances) == 1

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.between(0, len(choices) - 1)]

    def noise(self, *shape: int) -> Int16:
        """Independent numbers from -128 to 127, as int16 of the given shape."""
        count = int(np.prod(shape))
        raw = self._source.random_raw(-(-count // 8)).astype("<u8", copy=False)
        return raw.view(np.int8)[:count].reshape(shape).astype(np.int16)

    def clouds(self, height: int, width: int, cell: int) -> Int16:
        """Smooth noise from -128 to 127, int16 [height, width]: random knots `cell` pixels apart, joined linearly."""
        knots = self.noise(height // cell + 2, width // cell + 2)
        # Across first, while there are few rows; down last, so that whole rows are added.
        return _join(np.ascontiguousarray(_join(np.ascontiguousarray(knots.T), width, cell).T), height, cell)


def _join(knots: Int16, extent: int, cell: int) -> Int16:
    """Linear between the rows of `knots`, which lie `cell` apart: int16 [extent, ...]."""
    at, share = np.divmod(np.arange(extent), cell)
    joined = np.diff(knots, axis=0)[at]
    joined *= (share * 64 // cell).astype(np.int16)[:, None]
    joined >>= 6
    joined += knots[at]
    return joined
