"""What a profile says of the steps of a network, however their times are known."""

from __future__ import annotations

from collections.abc import Sequence

from tvm_bnn.graph.ordinary import Executed, Ordinary
from tvm_bnn.profiling.cost import Work, work
from tvm_bnn.profiling.model import OperatorProfile
from tvm_bnn.profiling.roofline import roofline_fraction
from tvm_bnn.reporting.labels import shape_label
from tvm_bnn.targets import Target
from tvm_bnn.tuning.journal import Evidence

_LEAST_MS = 1e-6


def operator_profiles(
    steps: Sequence[Executed], medians: Sequence[float | None], target: Target, threads: int, evidence: Evidence
) -> list[OperatorProfile]:
    """One entry for each step; ``medians`` in milliseconds, None where a step has no time."""
    whole = sum(median or 0.0 for median in medians)
    return [
        _profile(step, median, whole, target, threads, evidence) for step, median in zip(steps, medians, strict=True)
    ]


def _profile(
    step: Executed, median: float | None, whole: float, target: Target, threads: int, evidence: Evidence
) -> OperatorProfile:
    parts = step.operators if isinstance(step, Ordinary) else (step.operator,)
    done = sum((work(part) for part in parts), Work())
    # Ordinary operators that only look at data in another way take no time at all.
    spent = None if median is None else max(median, _LEAST_MS)
    return OperatorProfile(
        name=", ".join(step.names) if isinstance(step, Ordinary) else step.name,
        kind=parts[0].kind,
        shape="; ".join(shape_label(part) for part in parts),
        lowering="ordinary" if isinstance(step, Ordinary) else step.choice.row.lowering.name,
        schedule="fallback" if isinstance(step, Ordinary) else step.choice.schedule,
        evidence=evidence,
        median_ms=median,
        share=None if median is None else median / whole,
        binary_macs=done.binary_macs,
        real_macs=done.real_macs,
        ops=done.ops,
        bytes=done.bytes,
        gops=None if spent is None else done.gops(spent),
        roofline_fraction=None if spent is None else roofline_fraction(parts, target, threads, spent),
        rank_score=done.ops + done.bytes if spent is None else None,
    )
