import dataclasses

import numpy as np
import pytest

from tvm_bnn.profiling.peaks import measure as measuring
from tvm_bnn.profiling.peaks.measure import measure, probes, summarise
from tvm_bnn.profiling.peaks.probe import Probe, iterations
from tvm_bnn.profiling.peaks.registers import float_probe, popcount_probe
from tvm_bnn.targets import load, names

PROBE = Probe("binary_gops_per_core", "Gop/s", "a test", 1e6, None, list)


@pytest.mark.parametrize("name", [name for name in names() if load(name).kind == "cpu"])
def test_every_peak_of_a_target_has_one_probe(name: str) -> None:
    target = load(name)
    wanted = {fact: entry.unit for fact, entry in target.facts.items() if entry.unit in ("Gop/s", "GB/s")}
    made = list(probes(target))
    assert {probe.fact: probe.unit for probe in made} == wanted
    assert len(made) == len(wanted)


def test_peak_is_the_median_of_the_best_tenth() -> None:
    peak = summarise(PROBE, np.random.default_rng(0).permutation(np.arange(1.0, 101.0)))
    assert (peak.value, peak.median) == (95.5, 50.5)
    assert (peak.p5, peak.p95) == pytest.approx((5.95, 95.05))
    assert (peak.name, peak.unit) == ("binary_gops_per_core", "Gop/s")
    assert peak.source == "a test, median of the best tenth of 100 calls"


def test_one_outlier_is_no_peak() -> None:
    rates = np.append(np.full(99, 100.0), 900.0)
    assert summarise(PROBE, rates).value == 100


def test_a_single_call_is_its_own_peak() -> None:
    assert summarise(PROBE, np.array([7.0])).value == 7


@pytest.mark.parametrize(("speed", "work", "wanted"), [(100, 1000, 50_000), (1, 1e9, 1)])
def test_loops_are_as_long_as_the_target_is_fast(speed: float, work: float, wanted: int) -> None:
    assert iterations(speed, work) == wanted


def test_kernels_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SECONDS", 0.0)
    target = load("cpu")
    said: list[str] = []
    chosen = [popcount_probe(target), float_probe(target)]
    peaks = measure(target, chosen, said.append, rounds=2)
    assert said == ["round 1 of 2", "round 2 of 2"]
    assert [peak.name for peak in peaks] == ["binary_gops_per_core", "float_gops_per_core"]
    for peak in peaks:
        assert f"best tenth of {2 * measuring.LEAST} calls" in peak.source
        assert 0 < peak.p5 <= peak.median <= peak.p95
        assert peak.median <= peak.value


def test_a_call_counts_all_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring._Kernel, "_seconds", lambda _self, calls: np.arange(1.0, calls + 1))
    monkeypatch.setattr(measuring, "LEAST", 3)
    monkeypatch.setattr(measuring, "MOST", 3)
    target = load("cpu")
    probe = dataclasses.replace(popcount_probe(target), work=6e9)
    counted = [6 / seconds for seconds in (6, 7, 8)]
    assert measuring._Kernel(probe, target).rates().tolist() == pytest.approx(counted)
