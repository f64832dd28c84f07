import math

import pytest

from tvm_bnn.tuning.prospects import prospect


def test_one_point_promises_half_its_time() -> None:
    assert prospect([3.0]) == pytest.approx(1.5)
    assert prospect([]) == math.inf


def test_what_is_tried_without_gain_is_believed_less() -> None:
    promised = [prospect([1.0] * number) for number in range(1, 20)]
    assert promised == sorted(promised)
    assert promised[1] == pytest.approx(0.84, abs=0.01)
    assert 0.99 < promised[15] < 1.0


def test_a_wide_spread_promises_more() -> None:
    assert prospect([1.0, 4.0]) < prospect([1.0, 2.0]) < prospect([1.0, 1.0])


def test_times_are_seen_in_proportion() -> None:
    assert prospect([10.0, 30.0, 20.0]) == pytest.approx(10 * prospect([1.0, 3.0, 2.0]))
