"""How fast a lowering may yet become, judged by the points of its space that were measured.

The times ``t_1 .. t_n`` of points drawn from a space pile up above the best there is and thin out upwards. Their
logarithms are taken as exponentially distributed above an unknown least value; its usual estimate (the unbiased one
of the two-parameter exponential distribution) lies below the least value seen by the mean excess over it, divided by
the number of points::

    excess   = (ln 2 + sum(ln t_i - ln t_best)) / n
    prospect = t_best * exp(-excess / n)

``ln 2`` stands for one imagined point at twice the best time: so much is believed of a space of which one point is
known. That point alone promises half its time; two that agree promise 84 % of it; sixteen are within a few percent of
the end. A lowering whose prospect is no better than what another has already shown is hopeless: by the prior one that
starts at twice the time of another costs one trial, one that starts at one and a half times costs two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def prospect(seconds: Sequence[float]) -> float:
    """The time that further trials may be expected to reach, from those of ``seconds``; infinite without any."""
    if not seconds:
        return math.inf
    best, number = min(seconds), len(seconds)
    excess = (math.log(2) + sum(math.log(time / best) for time in seconds)) / number
    return best * math.exp(-excess / number)
