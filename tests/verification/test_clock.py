import dataclasses

import pytest

from tests.verification.nets import block_of
from tvm_bnn.profiling.roofline import least_ms
from tvm_bnn.targets import load, resolve_host
from tvm_bnn.tuning.plan import default_choice
from tvm_bnn.verification import yardstick
from tvm_bnn.verification.clock import DenseTime, Estimated, Measured, clock
from tvm_bnn.verification.formulas import DENSE
from tvm_bnn.verification.yardstick import Request, Timings

BLOCK = block_of(4, 6)
AVX2 = load("x86-avx2")
PASSES = {"warmup": 0, "repeat": 3, "seed": 0}


def test_what_this_host_runs_is_measured() -> None:
    foreign = dataclasses.replace(AVX2, requires=frozenset({"quantum"}))
    assert isinstance(clock(resolve_host(), 1, **PASSES), Measured)
    assert isinstance(clock(foreign, 1, **PASSES), Estimated)


def test_an_estimate_is_by_the_peaks_of_the_target() -> None:
    estimated = Estimated(AVX2, 2)
    chosen = [(operator, default_choice(operator, AVX2, 2)) for _, operator in BLOCK.operators]
    assert estimated.operators(chosen) == [least_ms(operator, AVX2, 2) for operator, _ in chosen]
    time = estimated.dense(BLOCK.shape)
    peak = 2 * AVX2.peak("float_gops_per_core") * 1e6
    assert time.fastest == pytest.approx(DENSE.products_flops(BLOCK.shape) / peak)
    assert time.fastest + time.rest == pytest.approx(DENSE.block_flops(BLOCK.shape) / peak)


def test_a_measurement_is_of_the_map_of_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def measure(request: Request) -> Timings:
        asked.append(request)
        return Timings({"a": 4.0, "b": 2.0}, 1.0)

    monkeypatch.setattr(yardstick, "measure", measure)
    time = Measured(resolve_host(), 3, **PASSES).dense(BLOCK.shape)
    assert (time, time.fastest) == (DenseTime({"a": 4.0, "b": 2.0}, 1.0), 2.0)
    assert asked == [Request(height=4, width=6, channels=64, ck=64, cv=64, threads=3)]


def test_every_operator_is_timed() -> None:
    host = resolve_host()
    chosen = [(operator, default_choice(operator, host, 1)) for _, operator in BLOCK.operators]
    assert len(Measured(host, 1, **PASSES).operators(chosen)) == len(BLOCK.operators)
