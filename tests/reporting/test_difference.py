import pytest

from tests.reporting.profiles import estimated, measured, operator
from tvm_bnn.errors import UsageError
from tvm_bnn.profiling.model import Total
from tvm_bnn.reporting.difference import MODEL_NOISE, compare, total_noise


def verdicts(after: object) -> dict[str, str]:
    return {change.name: change.verdict for change in compare(measured(), after).changes}  # type: ignore[arg-type]


def test_noise_of_a_total_is_half_its_spread() -> None:
    assert total_noise(measured()) == pytest.approx(0.05)
    assert total_noise(estimated()) == MODEL_NOISE / 2


def test_what_is_within_noise_is_the_same() -> None:
    # Half a spread of 5% on each side: 10% for the total, 32% for an operator with a tenth of the time.
    assert set(verdicts(measured((4.3, 3.2, 2.2, 1.3))).values()) == {"same"}
    found = verdicts(measured((5.0, 2.0, 2.0, 1.5)))
    assert found == {"total": "same", "stem.0": "slower", "conv": "faster", "attend": "same", "pool": "slower"}


def test_the_total_has_noise_of_its_own() -> None:
    slower = measured(total=Total(median_ms=11.2, p5_ms=10.7, p95_ms=11.7, runs=30))
    change = compare(measured(), slower).total
    assert change.change == pytest.approx(0.12)
    assert (change.exceeds(0.1), change.exceeds(0.15)) == (True, False)


def test_operators_come_and_go() -> None:
    after = measured(operators=[*measured().operators[1:], operator("extra", "conv2d", 1.0)])
    found = verdicts(after)
    assert (found["extra"], found["stem.0"]) == ("added", "removed")


def test_without_a_time_nothing_is_known() -> None:
    before = estimated(operators=[operator("resize", "interpolate", None)])
    assert compare(before, before).operators[0].verdict == "unknown"


def test_an_estimate_is_as_good_for_short_operators_as_for_long_ones() -> None:
    assert {round(change.noise, 6) for change in compare(estimated(), estimated()).changes} == {MODEL_NOISE}


def test_evidence_is_compared_knowingly_and_networks_not_at_all() -> None:
    assert compare(measured(), estimated()).mixed
    assert not compare(measured(), measured()).mixed
    with pytest.raises(UsageError, match="expected two profiles of one network, got kitti-road S 96x320 and kitti"):
        compare(measured(), measured(input_size=(64, 64)))
