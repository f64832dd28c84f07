"""A profile of a compiled network, measured on this host."""

from __future__ import annotations

import platform

import numpy as np

from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.profiling.latency import Milliseconds, measure
from tvm_bnn.profiling.model import Device, Profile, Total
from tvm_bnn.profiling.operators import operator_profiles
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
        operators=operator_profiles(
            compiled.steps, latencies.step_medians, compiled.target, compiled.threads, "measured"
        ),
    )


def _total(milliseconds: Milliseconds) -> Total:
    low, median, high = (float(value) for value in np.percentile(milliseconds, [5, 50, 95]))
    return Total(median_ms=median, p5_ms=low, p95_ms=high, runs=len(milliseconds))
