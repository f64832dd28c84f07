import platform

import pytest

from benchmarks.estimation.__main__ import compare
from benchmarks.estimation.clock import Clock
from benchmarks.estimation.points import sample, target_of
from benchmarks.layers import square

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the loop of known length is for x86-64")


def test_the_clock_is_that_of_a_processor() -> None:
    assert 0.2e9 < Clock().hertz() < 8e9


def test_points_are_estimated_and_timed() -> None:
    clock = Clock()
    target, operator = target_of(clock.hertz()), square(6, 64)
    found = compare("small", operator, sample(operator, target, 3, 0), target, clock)
    assert len(found) == 3
    assert {one.operator for one in found} == {"small"}
    assert all(one.estimated_ms > 0 and one.measured_ms > 0 and one.instructions > 1000 for one in found)
