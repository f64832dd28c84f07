import pytest

from tests.reporting.profiles import estimated, measured, operator
from tvm_bnn.profiling.model import Total
from tvm_bnn.reporting.material import Chapter
from tvm_bnn.reporting.words import faster, milliseconds, number, plural, spread, times, verdict
from tvm_bnn.targets import load


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "no time"), (1234.5, "1234 ms"), (14.409, "14.4 ms"), (0.0099, "9.9 µs"), (0.00000123, "0.00123 µs")],
)
def test_milliseconds(value: float | None, text: str) -> None:
    assert milliseconds(value) == text


def test_numbers_have_no_exponents() -> None:
    assert number(0.00000123) == "0.000001"
    assert (times(297.9), times(4.36), times(0.52)) == ("298x", "4.4x", "0.52x")
    assert (faster(10, 9), faster(10, 5), faster(10, 11)) == ("10% less time", "2.0x as fast", "10% more time")
    assert (plural(1, "thread"), plural(2, "thread")) == ("1 thread", "2 threads")


def test_a_measured_verdict() -> None:
    told = " ".join(verdict(Chapter(measured(), load("x86-avx512"))))
    assert "kitti-road S 96x320 takes 10 ms a picture on x86-avx512 (A <b>CPU</b>, 2 threads), 100 pictures a" in told
    assert "measured: 90% of 30 passes between 9.5 and 10.5 ms" in told
    assert "66.7% of its 3M multiply-accumulates are binary, and the operators that do them take 50.0%" in told
    assert "3 of 4 operators take 90.0% of the time; the slowest, stem.0, takes 4 ms" in told
    assert "at least 5 ms, 50.0% of the 10 ms" in told
    assert "Tuning" not in told


def test_an_estimate_says_so() -> None:
    assert spread(estimated()) == "estimated by a model of one core, no hardware was timed"
    assert "This is estimated by a model" in " ".join(verdict(Chapter(estimated(), load("rpi4"))))


def test_without_a_time_there_is_no_total() -> None:
    nothing = Total(median_ms=None, p5_ms=None, p95_ms=None, runs=0)
    profile = estimated(total=nothing, operators=[operator("resize", "interpolate", None)])
    (first, *_) = verdict(Chapter(profile, load("rpi4")))
    assert "has no total" in first
