"""One kernel that measures one fact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GIGA = 1e9
CALL_SECONDS = 5e-4
"""About how long one call of a kernel shall take: long against the call itself, short against a time slice."""


@dataclass(frozen=True)
class Probe:
    """A kernel, and what one call of it is worth.

    Attributes:
        fact: the name of the fact that it measures.
        unit: of that fact: ``Gop/s`` (1 multiply-accumulate = 2 op) or ``GB/s``.
        how: what the kernel does, for the source of the fact.
        work: operations or bytes of one call.
        function: a TIR function without parallel loops.
        arrays: makes its arguments anew.
    """

    fact: str
    unit: str
    how: str
    work: float
    function: Any
    arrays: Callable[[], Sequence[NDArray[np.generic]]]


def iterations(speed: float, work: float) -> int:
    """How often a loop has to run to take about ``CALL_SECONDS``, at least once.

    Args:
        speed: what the target is said to reach, in 1e9 of work a second.
        work: operations or bytes of one iteration.
    """
    return max(1, round(speed * GIGA * CALL_SECONDS / work))
