import itertools

import numpy as np
import pytest

from tests.lowering.layouts import AVX2, AVX512, BYTES, DEEP, packed
from tvm_bnn.lowering.multiply_lanes import MultiplyLanes
from tvm_bnn.targets import Target


@pytest.mark.parametrize("target", [AVX2, AVX512], ids=lambda target: target.name)
def test_lanes_run_over_output_channels(target: Target) -> None:
    canonical, arrays = packed(MultiplyLanes(), BYTES, target)
    lanes, weight = target.lanes, arrays["weight"]
    vectors = -(-20 // lanes)
    assert weight.shape == (vectors, 2, 3, 3, lanes)
    assert weight.dtype == np.int32
    for vector, lane in itertools.product(range(vectors), range(lanes)):
        channel = vector * lanes + lane
        wanted = canonical[..., channel] if channel < 20 else np.zeros((2, 3, 3))
        np.testing.assert_array_equal(weight[vector, ..., lane], wanted)


def test_nothing_is_declined() -> None:
    assert [MultiplyLanes().declines(operator, AVX2) for operator in (BYTES, DEEP)] == [None, None]
