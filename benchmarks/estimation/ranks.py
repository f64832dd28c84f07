"""How well one list of numbers predicts another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Pair = tuple[float, float]
"""What was predicted, and what is."""


def spearman(pairs: Sequence[Pair]) -> float:
    """Correlation of the ranks; equal numbers share their mean rank."""
    predicted, real = (_ranks(list(column)) for column in zip(*pairs, strict=True))
    return float(np.corrcoef(predicted, real)[0, 1])


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.asarray(values)
    below = (array[:, None] > array[None, :]).sum(1)
    equal = (array[:, None] == array[None, :]).sum(1)
    return below + (equal - 1) / 2


def kendall(pairs: Sequence[Pair]) -> float:
    """Kendall's tau-b: pairs ordered alike minus pairs ordered otherwise, ties apart."""
    signs = [_signs(one, other) for one, other in combinations(pairs, 2)]
    alike = sum(left * right for left, right in signs)
    untied = [sum(abs(sign[side]) for sign in signs) for side in (0, 1)]
    return alike / math.sqrt(untied[0] * untied[1])


def _signs(one: Pair, other: Pair) -> tuple[int, int]:
    return (one[0] > other[0]) - (one[0] < other[0]), (one[1] > other[1]) - (one[1] < other[1])


def ordered(groups: Iterable[Sequence[Pair]], least: float, most: float = math.inf) -> tuple[int, int]:
    """Of the pairs within a group that are predicted to differ by a factor of ``least`` to ``most``: right, all."""
    right = total = 0
    for group in groups:
        for one, other in combinations(group, 2):
            low, high = sorted((one, other))
            if least <= high[0] / low[0] < most:
                total += 1
                right += low[1] < high[1]
    return right, total


def percentiles(values: Sequence[float]) -> dict[int, float]:
    """The 5th, 25th, 50th, 75th and 95th percentile."""
    wanted = (5, 25, 50, 75, 95)
    return dict(zip(wanted, map(float, np.percentile(values, wanted)), strict=True))
