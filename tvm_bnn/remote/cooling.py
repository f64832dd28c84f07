"""Boards that are slowed down by heat or a weak power supply: what they measure meanwhile does not count."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tvm_bnn.errors import ToolchainError

T = TypeVar("T")

_PAUSES = (10.0, 30.0, 60.0)
"""Seconds that a board is left alone before each further attempt."""


class ThrottledError(ToolchainError):
    """A board that was slowed down while it measured."""


def unthrottled(measure: Callable[[], T], report: Callable[[str], None]) -> T:
    """What ``measure`` gives, after a pause where the board was slowed down; ``report`` is told of those.

    Raises:
        ThrottledError: the board was slowed down each time.
    """
    for pause in _PAUSES:
        try:
            return measure()
        except ThrottledError as error:
            report(f"{error}; measuring again in {pause:g} s")
            time.sleep(pause)
    return measure()
