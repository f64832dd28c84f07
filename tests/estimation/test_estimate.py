import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.estimation import estimate as module
from tvm_bnn.estimation import scaling
from tvm_bnn.estimation.estimate import Estimate, cost, estimate, execute
from tvm_bnn.estimation.machine import Execution
from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.ops import Conv2d, Epilogue, Operator, Upsample2x
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load
from tvm_bnn.targets.architecture import host_architecture
from tvm_bnn.targets.model import Fact, Llvm

BOARD = load("rpi4")
CONV = Conv2d(1, 8, 12, 64, 64, epilogue=Epilogue(outputs=("signs",)))


def default(operator: Operator, target: Target = BOARD) -> tuple[Row, Point]:
    row = rows_for(operator, target)[0]
    return row, row.space.default(Setting(operator, target, 1))


def test_the_same_again() -> None:
    row, point = default(CONV)
    first = estimate(CONV, row, point, BOARD, 0)
    assert estimate(CONV, row, point, BOARD, 0) == first
    assert not first.mismatch
    assert first.seconds >= first.compute_seconds > 0
    assert first.compute_seconds == pytest.approx(first.cycles / 1.5e9)
    assert first.cycles > first.instructions / 3


def test_no_faster_than_the_peak() -> None:
    """Exclusive-or, count and sum take 1.5 cycles for 128 bits."""
    row, point = default(CONV)
    assert estimate(CONV, row, point, BOARD, 0).cycles > 1.5 * CONV.cost().binary_macs / 128


def test_clock_and_core_make_the_difference() -> None:
    row, point = default(CONV)
    slower = replace(BOARD, facts={**BOARD.facts, "clock_ghz": Fact(0.75, "GHz", "half")})
    first, second = (estimate(CONV, row, point, target, 0) for target in (BOARD, slower))
    assert second.compute_seconds == pytest.approx(2 * first.compute_seconds)
    assert second.cycles == first.cycles


@pytest.mark.parametrize("rows", [8, 64])
def test_a_wrong_kernel_has_no_price(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where it is run to its end nor where its first rows are to stand for all."""
    conv = Conv2d(1, rows, 64, 64, 64, epilogue=Epilogue(outputs=("signs",)))
    monkeypatch.setattr(scaling, "_WHOLE", 1e6)
    monkeypatch.setattr(scaling, "_PIECE", 1)
    row, point = default(conv)
    assert (scaling.stops(conv, point) is None) == (rows == 8)
    packing = type(row.lowering).pack_inputs

    def broken(*arguments: Any) -> list[Any]:
        packed = packing(*arguments)
        packed[0] = ~packed[0]
        return packed

    monkeypatch.setattr(type(row.lowering), "pack_inputs", broken)
    found = estimate(conv, row, point, BOARD, 0)
    assert re.fullmatch(r"signs\[0, \d+, \d+, \d+\]: expected -?\d+, got -?\d+", found.mismatch)
    assert math.isinf(found.seconds)


def test_an_output_that_is_not_written_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    row, point = default(CONV)
    monkeypatch.setattr("tvm_bnn.estimation.machine.Machine.run", lambda *_arguments: Execution({}, 0, 0))
    _, mismatch = execute(CONV, row, point, BOARD, 0)
    assert mismatch.endswith("got 85")


def test_copies_cost_something() -> None:
    core = module.core_of(BOARD)
    nothing, some = cost(Execution({}, 0, 0), core, BOARD), cost(Execution({}, 16 * 1000, 2), core, BOARD)
    assert (nothing.cycles, nothing.instructions) == (0, 0)
    assert some.cycles > 1000


def test_a_target_without_a_table() -> None:
    row, point = default(CONV)
    with pytest.raises(UsageError, match="x86-avx2: expected one with a table of its core"):
        estimate(CONV, row, point, load("x86-avx2"), 0)


def test_a_slow_lowering_is_slow() -> None:
    """Bits without bytes in common counters: several times the instructions."""
    row, point = default(CONV)
    masked = row_named(CONV, BOARD, "popcount-masked")
    assert masked is not None
    slow = estimate(CONV, masked, masked.space.default(Setting(CONV, BOARD, 1)), BOARD, 0)
    assert slow.seconds > 2 * estimate(CONV, row, point, BOARD, 0).seconds


@pytest.mark.skipif(host_architecture() != "x86_64", reason="needs an x86-64 host to link for")
def test_code_of_this_host() -> None:
    """The way to check the method where it can be measured; without AVX, which the emulator does not have."""
    portable = load("cpu-portable")
    facts = {**portable.facts, "clock_ghz": Fact(3.0, "GHz", "some")}
    host = replace(portable, llvm=Llvm(mcpu="x86-64-v2"), core="zen4", facts=facts)
    for operator in (CONV, Upsample2x(1, 6, 13, 64, epilogue=Epilogue(outputs=("stream",)))):
        found: Estimate = estimate(operator, *default(operator, host), host, 0)
        assert not found.mismatch
        assert 0 < found.seconds < math.inf
    assert np.isfinite(found.cycles)
