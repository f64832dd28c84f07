"""The clock of engines that are called from Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Call = Callable[[], Any]


@dataclass(frozen=True)
class Calls:
    """Whole calls."""

    call: Call

    def times(self, runs: int) -> list[float]:
        """Seconds of so many calls."""
        return [_seconds(self.call) for _ in range(runs)]


@dataclass(frozen=True)
class Differences:
    """What a layer adds to a network: (longer - shorter) / count, the two called in turn."""

    longer: Call
    shorter: Call
    count: int

    def times(self, runs: int) -> list[float]:
        """Seconds of so many pairs of calls."""
        return [(_seconds(self.longer) - _seconds(self.shorter)) / self.count for _ in range(runs)]


def _seconds(call: Call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
