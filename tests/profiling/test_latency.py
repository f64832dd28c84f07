import time
from typing import Any

import numpy as np
import pytest

from tvm_bnn.graph.phases import Compiled
from tvm_bnn.profiling.latency import Stopwatch, measure


class Clock:
    """Each reading is one millisecond after the one before; ``advance`` lets time pass."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds * 1_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter_ns", clock)
    return clock


def calls(stopwatch: Stopwatch, clock: Clock, *kernels: tuple[str, int]) -> Any:
    """A network that calls functions of a name and a duration."""

    def main(_picture: object) -> None:
        for name, duration in kernels:
            stopwatch.instrument(None, name, True, None)
            clock.advance(duration)
            stopwatch.instrument(None, name, False, None)

    return main


def test_a_function_that_serves_several_operators_is_told_apart_by_order(clock: Clock) -> None:
    stopwatch = Stopwatch(["conv", "pool", "conv"])
    main = calls(stopwatch, clock, ("conv", 5), ("vm.builtin.reshape", 50), ("pool", 7), ("conv", 9))
    # One reading of the clock is a millisecond long.
    assert stopwatch.split(main, None) == pytest.approx([6, 8, 10])
    assert stopwatch.split(main, None) == pytest.approx([6, 8, 10])


def test_calls_that_are_not_those_of_the_network_are_a_defect(clock: Clock) -> None:
    stopwatch = Stopwatch(["conv", "pool"])
    with pytest.raises(AssertionError, match="expected calls of"):
        stopwatch.split(calls(stopwatch, clock, ("pool", 1), ("conv", 1)), None)


def test_ordinary_functions_belong_to_the_ordinary_step_that_comes_next(clock: Clock) -> None:
    stopwatch = Stopwatch(["conv", None, "conv", None], {"cat", "pool"})
    main = calls(stopwatch, clock, ("cat", 2), ("conv", 5), ("cat", 3), ("pool", 4), ("conv", 6), ("pool", 9))
    assert stopwatch.split(main, None) == pytest.approx([6, 3 + 4 + 5, 7, 10])
    late = calls(stopwatch, clock, ("conv", 5), ("conv", 6), ("pool", 9), ("cat", 1))
    assert stopwatch.split(late, None) == pytest.approx([6, 0, 7, 10 + 2])


def test_every_pass_and_operator_is_timed(tiny_compiled: Compiled) -> None:
    latencies = measure(tiny_compiled, warmup=1, repeat=5)
    assert latencies.steps.shape == (5, len(tiny_compiled.steps))
    assert latencies.total.shape == (5,)
    assert (latencies.steps > 0).all()
    assert latencies.step_medians == [float(value) for value in np.median(latencies.steps, axis=0)]


def test_the_instrument_adds_next_to_nothing_to_an_operator(tiny_compiled: Compiled) -> None:
    # The fastest of many is what a busy neighbour disturbs least; handing over the arguments takes about 1 us.
    latencies = measure(tiny_compiled, warmup=5, repeat=100)
    extra = latencies.steps.sum(axis=1).min() - latencies.total.min()
    assert extra / len(tiny_compiled.operators) < 0.01
