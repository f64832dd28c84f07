import dataclasses

import numpy as np
import pytest

from tests.profiling.peaks.assembly import count, hot_loop
from tvm_bnn._tvm import build, tvm
from tvm_bnn.profiling.peaks import reading
from tvm_bnn.profiling.peaks.reading import ACCUMULATORS, cache_probe, memory_probe
from tvm_bnn.targets import load

MEBIBYTE = 1 << 20


@pytest.fixture
def no_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that tells nothing of its caches, with 64 cores."""
    monkeypatch.setattr(reading, "cache_bytes", lambda level: None)
    monkeypatch.setattr(reading, "logical_cores", lambda: 64)


@pytest.mark.parametrize(("third", "wanted"), [(8, 128), (64, 256), (1000, 1024)])
def test_memory_is_read_beyond_the_last_cache(monkeypatch: pytest.MonkeyPatch, third: int, wanted: int) -> None:
    monkeypatch.setattr(reading, "cache_bytes", {3: third * MEBIBYTE}.get)
    probe = memory_probe(load("x86-avx2"))
    assert probe.work == wanted * MEBIBYTE
    assert f"{wanted} MiB" in probe.how


@pytest.mark.usefixtures("no_caches")
def test_sizes_are_the_targets_where_the_system_tells_none() -> None:
    target = load("x86-avx512")
    assert memory_probe(target).work == 4 * 64 * target.peak("l3_bytes_per_core")
    assert cache_probe(target).work % (target.peak("l2_bytes") // 2) == 0
    facts = {name: fact for name, fact in target.facts.items() if name != "l3_bytes_per_core"}
    assert memory_probe(dataclasses.replace(target, facts=facts)).work == 128 * MEBIBYTE


def test_cache_is_read_within_half_of_the_second_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "cache_bytes", {2: MEBIBYTE}.get)
    probe = cache_probe(load("x86-avx512"))
    assert probe.arrays()[0].nbytes == MEBIBYTE // 2
    assert probe.work % (MEBIBYTE // 2) == 0


@pytest.mark.parametrize(("name", "register"), [("x86-avx512", "%zmm"), ("x86-avx2", "%ymm")])
def test_the_loop_is_made_of_whole_vectors(name: str, register: str) -> None:
    block = hot_loop(cache_probe(load(name)), name, "vpaddq")
    reads = [line for line in block if line.startswith("vpaddq") and "(%" in line]
    assert count(block, "vpaddq") == len(reads) >= ACCUMULATORS
    assert all(register in line for line in reads)
    assert not any(line.endswith(")") and "vmov" in line for line in block), "sums are written in the loop"


def test_every_byte_is_read_in_every_pass() -> None:
    lanes, steps, passes = 2, 5, 3
    buffer = np.random.default_rng(2).integers(-(2**40), 2**40, steps * ACCUMULATORS * lanes)
    result = tvm.runtime.tensor(np.ones(ACCUMULATORS * lanes, np.int64))
    build(reading._loop(lanes, steps, passes), load("cpu").tvm_target(1))["main"](tvm.runtime.tensor(buffer), result)
    expected = 1 + passes * buffer.reshape(steps, -1).sum(axis=0)
    np.testing.assert_array_equal(result.numpy(), expected)
