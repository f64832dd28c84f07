from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from tests.profiling.peaks.assembly import count, hot_loop, touches_memory
from tvm_bnn._tvm import build, tvm
from tvm_bnn.profiling.peaks import registers
from tvm_bnn.profiling.peaks.probe import CALL_SECONDS, Probe
from tvm_bnn.profiling.peaks.registers import ACCUMULATORS, eight_bit_probe, float_probe, popcount_probe
from tvm_bnn.targets import Target, load


@dataclass(frozen=True)
class Row:
    """A probe on a target: the instruction it is about, and how many a step takes."""

    target: str
    probe: Callable[[Target], Probe]
    instruction: str


ROWS = [
    *(Row(name, popcount_probe, "vpopcntq") for name in ("x86-avx512", "x86-amx")),
    *(Row(name, eight_bit_probe, "vpdpbusd") for name in ("x86-avx512", "x86-amx")),
    *(Row(name, float_probe, "vfmadd231ps") for name in ("x86-avx512", "x86-amx", "x86-avx2")),
    Row("x86-avx2", popcount_probe, "vpshufb"),
    Row("x86-avx2", eight_bit_probe, "vpmaddubsw"),
    Row("x86-avx2", eight_bit_probe, "vpmaddwd"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.target}-{row.instruction}")
def test_the_loop_is_made_of_the_instruction_in_full_width(row: Row) -> None:
    block = hot_loop(row.probe(load(row.target)), row.target, row.instruction)
    found = count(block, row.instruction)
    assert found >= ACCUMULATORS
    assert found % ACCUMULATORS == 0
    assert not touches_memory(block)
    register = "%zmm" if load(row.target).peak("vector_bits") == 512 else "%ymm"
    assert all(register in line for line in block if line.startswith(row.instruction))


@pytest.mark.parametrize("probe", [popcount_probe, eight_bit_probe, float_probe])
def test_portable_code_has_a_peak_of_everything(probe: Callable[[Target], Probe]) -> None:
    target = load("cpu-portable")
    made = probe(target)
    assert made.work == pytest.approx(target.peak(made.fact) * 1e9 * CALL_SECONDS, rel=0.01)
    build(made.function, target.tvm_target(1))


@pytest.mark.parametrize(("probe", "per_bit"), [(popcount_probe, 2), (eight_bit_probe, 2 / 8), (float_probe, 2 / 32)])
def test_a_step_does_one_multiply_accumulate_for_every_element(
    probe: Callable[[Target], Probe], per_bit: float
) -> None:
    made = probe(load("x86-avx512"))
    assert made.work % (ACCUMULATORS * 512 * per_bit) == 0


def test_popcount_loop_computes_what_it_counts() -> None:
    rounds, lanes = 5, 4
    rng = np.random.default_rng(1)
    operand = rng.integers(0, 2**63, lanes).astype(np.uint64)
    start = rng.integers(0, 2**63, ACCUMULATORS * lanes).astype(np.uint64)
    result = tvm.runtime.tensor(start)
    function = registers._loop("uint64", lanes, rounds, registers._popcount)
    build(function, load("cpu").tvm_target(1))["main"](tvm.runtime.tensor(operand), result)
    expected = start.reshape(ACCUMULATORS, lanes)
    for _ in range(rounds):
        expected = expected + np.bitwise_count(expected ^ operand)
    np.testing.assert_array_equal(result.numpy(), expected.ravel())


def test_multiply_add_loop_stays_among_normal_numbers() -> None:
    probe = float_probe(load("cpu"))
    operand, result = map(tvm.runtime.tensor, probe.arrays())
    build(probe.function, load("cpu").tvm_target(1))["main"](operand, result)
    assert np.all(np.abs(result.numpy()) > np.finfo(np.float32).tiny)
    assert np.all(np.isfinite(result.numpy()))
