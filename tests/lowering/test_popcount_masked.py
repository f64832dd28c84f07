import numpy as np
import pytest

from tests.lowering.layouts import AVX2, packed
from tests.strategies import ODD_CONVS
from tvm_bnn.lowering.popcount_masked import PopcountMaskedConv2d
from tvm_bnn.ops import Conv2d
from tvm_bnn.ops.bits import unpack_codes
from tvm_bnn.ops.tensors import Array

GROUPED = [conv for conv in ODD_CONVS if conv.groups > 1]


def bits(words: Array) -> Array:
    """Words [W] as bits [32 W], the least significant first."""
    return words.view(np.uint32)[:, None] >> np.arange(32, dtype=np.uint32) & 1


@pytest.mark.parametrize("conv", GROUPED, ids=lambda conv: conv.label())
def test_weights_lie_where_their_channels_lie(conv: Conv2d) -> None:
    canonical, arrays = packed(PopcountMaskedConv2d(), conv, AVX2)
    weight, mask, start = arrays["weight"], arrays["mask"], arrays["start"]
    span = mask.shape[0]
    assert weight.shape == (*conv.kernel, conv.weight_bits, span, conv.out_channels)
    assert {array.dtype for array in (weight, mask, start)} == {np.dtype(np.int32)}
    codes = unpack_codes(canonical, conv.group_channels, conv.weight_bits)
    for output in range(conv.out_channels):
        first = output // (conv.out_channels // conv.groups) * conv.group_channels
        channels = 32 * start[output] + np.arange(32 * span)
        own = (channels >= first) & (channels < first + conv.group_channels)
        assert own.sum() == conv.group_channels
        np.testing.assert_array_equal(bits(np.ascontiguousarray(mask[:, output])).ravel(), own)
        for plane in range(conv.weight_bits):
            found = bits(np.ascontiguousarray(weight[0, -1, plane, :, output])).ravel()
            np.testing.assert_array_equal(found[own], codes[output, 0, -1] >> plane & 1)
            assert not found[~own].any()


@pytest.mark.parametrize("conv", ODD_CONVS, ids=lambda conv: conv.label())
def test_nothing_is_declined_and_nothing_read_beyond_a_pixel(conv: Conv2d) -> None:
    assert PopcountMaskedConv2d().declines(conv, AVX2) is None
    _, arrays = packed(PopcountMaskedConv2d(), conv, AVX2)
    words = conv.inputs()[0].shape[-1] // conv.activation_bits
    assert arrays["start"].min() >= 0
    assert arrays["start"].max() + arrays["mask"].shape[0] <= words
