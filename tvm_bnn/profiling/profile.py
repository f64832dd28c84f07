"""A profile of a compiled network, measured on this host."""

from __future__ import annotations

import platform

import numpy as np

from tvm_bnn.graph.ordinary import Executed, Ordinary
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.profiling.cost import Work, work
from tvm_bnn.profiling.latency import Latencies, Milliseconds, measure
from tvm_bnn.profiling.model import Device, OperatorProfile, Profile, Total
from tvm_bnn.profiling.roofline import roofline_fraction
from tvm_bnn.reporting.labels import shape_label
from tvm_bnn.targets import cpu_model, logical_cores

_LEAST_MS = 1e-6


def profile(model: LoadedModel, compiled: Compiled, *, warmup: int, repeat: int, seed: int = 0) -> Profile:
    """Measure a compiled network.

    Args:
        model: what was compiled.
        compiled: for this host.
        warmup: passes that do not count.
        repeat: passes that count.
        seed: of the picture.
    """
    latencies = measure(compiled, warmup=warmup, repeat=repeat, seed=seed)
    return Profile(
        model=model.name,
        width=model.width,
        input_size=model.input_size,
        target=compiled.target.name,
        threads=compiled.threads,
        evidence="measured",
        device=Device(name=cpu_model(), architecture=platform.machine(), logical_cores=logical_cores()),
        total=_total(latencies.total),
        operators=_operators(compiled, latencies),
    )


def _total(milliseconds: Milliseconds) -> Total:
    low, median, high = (float(value) for value in np.percentile(milliseconds, [5, 50, 95]))
    return Total(median_ms=median, p5_ms=low, p95_ms=high, runs=len(milliseconds))


def _operators(compiled: Compiled, latencies: Latencies) -> list[OperatorProfile]:
    medians = latencies.step_medians
    whole = sum(medians)
    return [
        _operator(compiled, step, median, median / whole) for step, median in zip(compiled.steps, medians, strict=True)
    ]


def _operator(compiled: Compiled, step: Executed, median: float, share: float) -> OperatorProfile:
    parts = step.operators if isinstance(step, Ordinary) else (step.operator,)
    done = sum((work(part) for part in parts), Work())
    # Ordinary operators that only look at data in another way take no time at all.
    spent = max(median, _LEAST_MS)
    return OperatorProfile(
        name=", ".join(step.names) if isinstance(step, Ordinary) else step.name,
        kind=parts[0].kind,
        shape="; ".join(shape_label(part) for part in parts),
        lowering="ordinary" if isinstance(step, Ordinary) else step.choice.row.lowering.name,
        schedule="fallback" if isinstance(step, Ordinary) else step.choice.schedule,
        evidence="measured",
        median_ms=median,
        share=share,
        binary_macs=done.binary_macs,
        real_macs=done.real_macs,
        ops=done.ops,
        bytes=done.bytes,
        gops=done.gops(spent),
        roofline_fraction=roofline_fraction(parts, compiled.target, compiled.threads, spent),
    )
