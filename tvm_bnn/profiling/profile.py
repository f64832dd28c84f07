"""A profile of a compiled network, measured on this host."""

from __future__ import annotations

import platform

import numpy as np

from tvm_bnn.graph.choose import Placed
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.profiling.cost import work
from tvm_bnn.profiling.latency import Latencies, Milliseconds, measure
from tvm_bnn.profiling.model import Device, OperatorProfile, Profile, Total
from tvm_bnn.profiling.roofline import roofline_fraction
from tvm_bnn.reporting.labels import shape_label
from tvm_bnn.targets import cpu_model, logical_cores


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
    medians = latencies.operator_medians
    whole = sum(medians)
    return [
        _operator(compiled, placed, median, median / whole)
        for placed, median in zip(compiled.operators, medians, strict=True)
    ]


def _operator(compiled: Compiled, placed: Placed, median: float, share: float) -> OperatorProfile:
    operator, choice = placed.operator, placed.choice
    done = work(operator)
    return OperatorProfile(
        name=placed.name,
        kind=operator.kind,
        shape=shape_label(operator),
        lowering=choice.row.lowering.name,
        schedule=choice.schedule,
        evidence="measured",
        median_ms=median,
        share=share,
        binary_macs=done.binary_macs,
        real_macs=done.real_macs,
        ops=done.ops,
        bytes=done.bytes,
        gops=done.gops(median),
        roofline_fraction=roofline_fraction(operator, compiled.target, compiled.threads, median),
    )
