import itertools

import numpy as np

from tests.lowering.layouts import AVX2, AVX512, BYTES, DEEP, packed
from tvm_bnn.lowering.dot_lanes import DotLanes


def test_quads_are_neighbours_of_one_kernel_row() -> None:
    canonical, arrays = packed(DotLanes(), BYTES, AVX512)
    weight = arrays["weight"]
    assert weight.shape == (2, 2, 3, 16, 4)
    assert weight.dtype == np.int8
    for channel, row, byte in itertools.product(range(32), range(2), range(12)):
        inside = channel < 20 and byte < 9
        wanted = canonical[row, byte // 3, byte % 3, channel] if inside else 0
        assert weight[channel // 16, row, byte // 4, channel % 16, byte % 4] == wanted


def test_what_is_declined() -> None:
    assert "avx512_vnni" in str(DotLanes().declines(BYTES, AVX2))
    assert "int16" in str(DotLanes().declines(DEEP, AVX512))
    assert DotLanes().declines(BYTES, AVX512) is None
