"""Two profiles of one network compared: what has changed beyond noise.

A profile tells the spread of its total, not that of its operators. Where the parts of a pass scatter independently of
each other, each with a variance proportional to its time, an operator with the share s of the time scatters by
1 / sqrt(s) times as much, in relation to its time, as the total does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tvm_bnn.errors import UsageError
from tvm_bnn.profiling.model import OperatorProfile, Profile
from tvm_bnn.reporting.material import network_of

MODEL_NOISE = 0.1
"""Estimates that are less than a tenth apart are in no known order."""

_LEAST_NOISE = 0.01
"""A share of the time that no clock on a busy machine can tell."""

TOTAL = "total"


@dataclass(frozen=True)
class Change:
    """One operator, or the total, in both profiles.

    Attributes:
        name: of the operator.
        before_ms: in the first profile; None where it has no time or is not in it.
        after_ms: in the second.
        noise: as a share of ``before_ms``, what would be a change by chance.
        before: how it was computed, ``lowering, schedule``; empty where it is not in the profile.
        after: the same in the second.
    """

    name: str
    before_ms: float | None
    after_ms: float | None
    noise: float
    before: str = ""
    after: str = ""

    @property
    def change(self) -> float | None:
        """(after - before) / before; None without both times."""
        if self.before_ms is None or self.after_ms is None or not self.before_ms:
            return None
        return self.after_ms / self.before_ms - 1

    @property
    def beyond_noise(self) -> bool:
        """Whether it became slower or faster by more than chance would have it."""
        return self.change is not None and abs(math.log1p(self.change)) > math.log1p(self.noise)

    @property
    def verdict(self) -> str:
        """One word: slower, faster, same, added, removed, or unknown where a time is missing."""
        if self.change is None:
            return "added" if not self.before else "removed" if not self.after else "unknown"
        return "same" if not self.beyond_noise else "slower" if self.change > 0 else "faster"

    def exceeds(self, limit: float) -> bool:
        """Whether it became slower beyond noise, and by more than ``limit``, a share."""
        return self.beyond_noise and self.change is not None and self.change > limit


@dataclass(frozen=True)
class Difference:
    """All changes: the total first, then operators in the order of the second profile, then those that are gone."""

    total: Change
    operators: tuple[Change, ...]
    mixed: bool

    @property
    def changes(self) -> tuple[Change, ...]:
        """The total and all operators."""
        return (self.total, *self.operators)


def compare(before: Profile, after: Profile) -> Difference:
    """Compare two profiles.

    Raises:
        UsageError: they are not of one network.
    """
    if network_of(before) != network_of(after):
        raise UsageError(
            f"expected two profiles of one network, got {network_of(before)} and {network_of(after)}",
            "compare profiles of the same model, width and input size",
        )
    noise = total_noise(before) + total_noise(after)
    total = Change(TOTAL, before.total.median_ms, after.total.median_ms, noise, before.evidence, after.evidence)
    return Difference(total, tuple(_changes(before, after, noise)), before.evidence != after.evidence)


def total_noise(profile: Profile) -> float:
    """Half the spread of the total from 5% to 95%, as a share of its median; of an estimate what its model is good for.

    Two profiles are compared by the sum of their noises, so each estimate counts half of the model's.
    """
    total = profile.total
    if total.median_ms is None or total.p5_ms is None or total.p95_ms is None:
        return MODEL_NOISE / 2
    return max((total.p95_ms - total.p5_ms) / 2 / total.median_ms, _LEAST_NOISE / 2)


def _changes(before: Profile, after: Profile, noise: float) -> Iterator[Change]:
    old, new = ({operator.name: operator for operator in profile.operators} for profile in (before, after))
    measured = "measured" in (before.evidence, after.evidence)
    for name in dict.fromkeys([*new, *old]):
        first, second = old.get(name), new.get(name)
        shares = [one.share for one in (first, second) if one is not None and one.share]
        # A model has no chance in it: it is as good for a short operator as for a long one.
        own = noise / math.sqrt(min(shares)) if measured and shares else noise
        yield Change(name, _ms(first), _ms(second), own, _how(first), _how(second))


def _ms(operator: OperatorProfile | None) -> float | None:
    return operator.median_ms if operator else None


def _how(operator: OperatorProfile | None) -> str:
    return f"{operator.lowering}, {operator.schedule}" if operator else ""
