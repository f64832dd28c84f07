import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.lowering.layouts import AVX2, AVX512, packed
from tvm_bnn.lowering.popcount_lanes import PopcountLanesConv2d, PopcountLanesDense
from tvm_bnn.ops import Conv2d, Dense
from tvm_bnn.targets import Target

CONV = Conv2d(1, 4, 4, 70, 100, kernel=(2, 3), padding=(0, 1), activation_bits=2, weight_bits=2)


@pytest.mark.parametrize("target", [AVX2, AVX512], ids=lambda target: target.name)
def test_lanes_run_over_output_channels(target: Target) -> None:
    canonical, arrays = packed(PopcountLanesConv2d(), CONV, target)
    lanes, weight = target.lanes, arrays["weight"]
    assert weight.shape == (2, 64 // lanes, 2, 3, 2, 4, lanes)
    assert weight.dtype == np.int32
    words = canonical.reshape(100, 2, 3, 2, 4)
    for block, vector, lane in itertools.product(range(2), range(64 // lanes), range(lanes)):
        channel = block * 64 + vector * lanes + lane
        wanted = words[channel] if channel < 100 else np.zeros_like(words[0])
        np.testing.assert_array_equal(weight[block, vector, ..., lane], wanted, f"channel {channel}")


def test_a_dense_layer_is_a_convolution_of_one_tap() -> None:
    dense = Dense(5, 70, 100)
    canonical, arrays = packed(PopcountLanesDense(), dense, AVX2)
    assert arrays["weight"].shape == (2, 8, 1, 1, 1, 4, 8)
    np.testing.assert_array_equal(arrays["weight"][1, 2, 0, 0, 0, :, 3], canonical[64 + 2 * 8 + 3])


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        (replace(CONV, in_channels=64, out_channels=32, groups=2), "32 input channels share 64-bit words"),
        (replace(CONV, in_channels=130, out_channels=32, groups=2), "65 input channels share 64-bit words"),
        (replace(CONV, in_channels=128, out_channels=24, groups=2), "12 output channels do not fill vectors of 8"),
        (replace(CONV, in_channels=128, out_channels=32, groups=2), None),
        (CONV, None),
    ],
)
def test_groups_that_need_masks_are_declined(operator: Conv2d, reason: str | None) -> None:
    declined = PopcountLanesConv2d().declines(operator, AVX2)
    assert declined == reason if reason is None else reason in str(declined)
