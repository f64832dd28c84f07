"""What tuning gained: the default arrangement of every tuned operator against the one that was kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tvm_bnn.ops import Operator
from tvm_bnn.reporting.facts import NetworkFacts
from tvm_bnn.tuning.journal import Evidence


@dataclass(frozen=True)
class Gain:
    """One operator, wherever the network uses it.

    Attributes:
        label: of the operator.
        uses: how often the network runs it.
        before_ms: of the default arrangement, once.
        after_ms: of the one that was kept, once.
        evidence: of both times.
        threads: with which both were taken.
    """

    label: str
    uses: int
    before_ms: float
    after_ms: float
    evidence: Evidence
    threads: int

    @property
    def saved_ms(self) -> float:
        """In one picture."""
        return self.uses * (self.before_ms - self.after_ms)


def gains(facts: NetworkFacts | None) -> list[Gain]:
    """Of every operator whose record tells both times, what saves most first."""
    if facts is None:
        return []
    uses: Counter[Operator] = Counter(plan.operator for plan in facts.plans.values())
    records = {plan.operator: plan.record for plan in facts.plans.values()}
    found = [
        Gain(operator.label(), uses[operator], line.default_ms, line.median_ms, line.evidence, line.threads)
        for operator, line in records.items()
        if line is not None and line.default_ms is not None
    ]
    return sorted(found, key=lambda gain: -gain.saved_ms)


def totals(found: Sequence[Gain]) -> tuple[float, float]:
    """Milliseconds of one picture before and after, of the operators among ``found``."""
    return sum(gain.uses * gain.before_ms for gain in found), sum(gain.uses * gain.after_ms for gain in found)
