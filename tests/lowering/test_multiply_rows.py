import numpy as np

from tests.lowering.layouts import AVX2, BYTES, DEEP, packed
from tvm_bnn.lowering.multiply_rows import MultiplyRows


def test_rows_run_along_input_channels() -> None:
    canonical, arrays = packed(MultiplyRows(), DEEP, AVX2)
    weight = arrays["weight"]
    assert weight.shape == (20, 2, 3, 17)
    assert weight.dtype == np.int16
    for channel in range(20):
        np.testing.assert_array_equal(weight[channel], canonical[..., channel])


def test_narrow_maps_are_declined() -> None:
    assert "rows of 3 channels" in str(MultiplyRows().declines(BYTES, AVX2))
    assert MultiplyRows().declines(DEEP, AVX2) is None
