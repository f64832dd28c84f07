"""Bandwidths: one core reads a buffer from one end to the other and adds up what it reads.

    for pass in range(passes):
        for i in range(steps):
            acc[0..7] += buffer[i, 0..7]            8 vectors

A buffer several times the last cache comes from memory, one of half the second-level cache from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import T
from tvm_bnn.profiling.peaks.probe import Probe, iterations
from tvm_bnn.targets import Target, cache_bytes, logical_cores

ACCUMULATORS = 8
_MEBIBYTE = 1 << 20
_LEAST, _MOST = 128 * _MEBIBYTE, 1024 * _MEBIBYTE
_TIMES_LAST_CACHE = 4


def memory_probe(target: Target) -> Probe:
    """Reading from memory, by one core while the others do something else."""
    size = min(max(_TIMES_LAST_CACHE * _last_cache(target), _LEAST), _MOST)
    return _probe(target, "memory_gbytes_per_s", f"one core reads {size // _MEBIBYTE} MiB", size, 1)


def cache_probe(target: Target) -> Probe:
    """Reading from the second-level cache."""
    size = (cache_bytes(2) or int(target.peak("l2_bytes"))) // 2
    passes = iterations(target.peak("cache_gbytes_per_s"), size)
    how = f"one core reads {size // 1024} KiB again and again"
    return _probe(target, "cache_gbytes_per_s", how, size, passes)


def _last_cache(target: Target) -> int:
    """Size of the third-level cache, in byte; 0 where nothing is known of one."""
    share = target.facts.get("l3_bytes_per_core")
    return cache_bytes(3) or (int(share.value) * logical_cores() if share else 0)


def _probe(target: Target, fact: str, how: str, size: int, passes: int) -> Probe:
    lanes = int(target.peak("vector_bits")) // 64
    step = ACCUMULATORS * lanes
    steps = size // 8 // step

    def arrays() -> Sequence[NDArray[np.generic]]:
        return np.zeros(steps * step, np.int64), np.zeros(step, np.int64)

    return Probe(fact, "GB/s", how, steps * step * 8 * passes, _loop(lanes, steps, passes), arrays)


# fmt: off
def _loop(lanes: int, steps: int, passes: int) -> Any:
    """The function; ``tirx.noalias`` is what lets the sums stay in registers."""
    step = ACCUMULATORS * lanes
    @T.prim_func(s_tir=True)
    def main(b: T.handle, r: T.handle) -> None:
        T.func_attr({"tirx.noalias": True})
        buffer = T.match_buffer(b, (steps * step,), "int64")
        result = T.match_buffer(r, (step,), "int64")
        acc = T.alloc_buffer((step,), "int64", scope="local")
        for a in T.unroll(ACCUMULATORS):
            acc[T.ramp(a * lanes, 1, lanes)] = result[T.ramp(a * lanes, 1, lanes)]
        for _ in range(passes):
            for i in range(steps):
                for a in T.unroll(ACCUMULATORS):
                    acc[T.ramp(a * lanes, 1, lanes)] = (
                        acc[T.ramp(a * lanes, 1, lanes)] + buffer[T.ramp(i * step + a * lanes, 1, lanes)]
                    )
        for a in T.unroll(ACCUMULATORS):
            result[T.ramp(a * lanes, 1, lanes)] = acc[T.ramp(a * lanes, 1, lanes)]

    return main
# fmt: on
