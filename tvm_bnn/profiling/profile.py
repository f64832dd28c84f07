"""A profile of a compiled network, measured on this host."""

from __future__ import annotations

import platform

import numpy as np

from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.profiling.clocks import read_clocks
from tvm_bnn.profiling.gpu_latency import measure_gpu
from tvm_bnn.profiling.latency import Milliseconds, measure
from tvm_bnn.profiling.model import Device, Profile, Total
from tvm_bnn.profiling.operators import operator_profiles
from tvm_bnn.targets import cpu_model, find_gpu, logical_cores


def profile(model: LoadedModel, compiled: Compiled, *, warmup: int, repeat: int, seed: int = 0) -> Profile:
    """Measure a compiled network.

    Args:
        model: what was compiled.
        compiled: for this host.
        warmup: passes that do not count.
        repeat: passes that count.
        seed: of the picture.
    """
    on_gpu = compiled.target.cuda is not None
    latencies = (measure_gpu if on_gpu else measure)(compiled, warmup=warmup, repeat=repeat, seed=seed)
    return Profile(
        model=model.name,
        width=model.width,
        input_size=model.input_size,
        target=compiled.target.name,
        threads=compiled.threads,
        evidence="measured",
        device=_gpu() if on_gpu else _cpu(),
        total=_total(latencies.total),
        operators=operator_profiles(
            compiled.steps, latencies.step_medians, compiled.target, compiled.threads, "measured"
        ),
    )


def _cpu() -> Device:
    return Device(name=cpu_model(), architecture=platform.machine(), logical_cores=logical_cores())


def _gpu() -> Device:
    gpu = find_gpu()
    return Device(name=gpu.name, architecture=gpu.arch, logical_cores=gpu.multiprocessors, clocks=read_clocks())


def _total(milliseconds: Milliseconds) -> Total:
    low, median, high = (float(value) for value in np.percentile(milliseconds, [5, 50, 95]))
    return Total(median_ms=median, p5_ms=low, p95_ms=high, runs=len(milliseconds))
