"""What a kernel reads and writes: named tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class TensorSpec:
    """A named tensor: its shape, its dtype and whether it is data of the network or a parameter."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: Literal["data", "parameter"]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize
