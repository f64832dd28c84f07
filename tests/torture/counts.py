"""How often each thing is done: a little by default, everything with ``TVM_BNN_TORTURE=full`` (``make torture``)."""

from __future__ import annotations

import os

import numpy as np

VARIABLE = "TVM_BNN_TORTURE"
"""``full``, or a percentage of it."""


def count(full: int, quick: int) -> int:
    """``full`` where everything is wanted, that percentage of it, at least one, where one is named, else ``quick``."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "full":
        return full
    return max(1, full * int(wanted) // 100) if wanted else quick


def chance(name: str, number: int = 0) -> np.random.Generator:
    """The same sequence every time for the same name and number, which failures are told by."""
    return np.random.default_rng([*name.encode(), number])
