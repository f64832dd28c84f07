import dataclasses
import itertools

import numpy as np
import pytest

from tests.lowering.layouts import AVX2, AVX512
from tests.lowering.test_registry import TARGET, run
from tests.ops.oracle import plain_pack
from tests.strategies import ACCUMULATOR, Array
from tvm_bnn.lowering.pooled_attention import PooledAttentionLanes, sum_dtype, value_lanes, value_vectors
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import PooledAttention
from tvm_bnn.targets import Target

PLAIN = PooledAttention(1, 2, 6, 110, 64, 128, epilogue=ACCUMULATOR)


@pytest.mark.parametrize(
    ("anchors", "bits", "dtype"),
    [(1, 1, "int16"), (128, 1, "int16"), (129, 1, "int32"), (42, 2, "int16"), (43, 2, "int32"), (1, 8, "int32")],
)
def test_sums_take_16_bits_where_they_fit(anchors: int, bits: int, dtype: str) -> None:
    operator = dataclasses.replace(PLAIN, anchors=anchors, value_bits=bits)
    assert sum_dtype(operator) == dtype
    assert (255 * anchors * (2**bits - 1) < 2**15) == (dtype == "int16")


@pytest.mark.parametrize(("target", "lanes"), [(AVX2, 8), (AVX512, 16)], ids=["x86-avx2", "x86-avx512"])
def test_narrow_sums_double_the_lanes(target: Target, lanes: int) -> None:
    wide = dataclasses.replace(PLAIN, value_bits=4, value_channels=130)
    assert (value_lanes(PLAIN, target), value_vectors(PLAIN, target)) == (2 * lanes, 128 // (2 * lanes))
    assert (value_lanes(wide, target), value_vectors(wide, target)) == (lanes, 128 // lanes + 1)


def computed(operator: PooledAttention, query: Array, key: Array, value: Array, table: Array) -> Array:
    """The accumulator by every kernel for this machine, all the same."""
    rows = rows_for(operator, TARGET)
    assert PooledAttentionLanes.name in {row.lowering.name for row in rows}
    found = [run(row, operator, [query, key, value, table], None, 1)[0] for row in rows]
    for accumulator in found:
        np.testing.assert_array_equal(accumulator, found[0])
    assert isinstance(found[0], np.ndarray)
    return found[0]


@pytest.mark.parametrize(("anchors", "bits"), [(128, 1), (129, 1), (42, 2), (43, 2), (258, 8)])
@pytest.mark.parametrize("top", [False, True])
def test_sums_at_the_ends_of_their_type(anchors: int, bits: int, top: bool) -> None:
    """All weights 255 and all values at one end; every other channel at the other."""
    operator = PooledAttention(1, 1, 3, anchors, 64, 34, bits, ACCUMULATOR)
    query, key = np.zeros((1, 1, 3, 2), np.int32), np.full((1, 1, anchors, 2), -1, np.int32)
    codes = np.broadcast_to((np.arange(34) % 2 == top) * (2**bits - 1), (1, 1, anchors, 34))
    operands = query, key, plain_pack(codes, bits), np.full(65, 255, np.uint8)
    np.testing.assert_array_equal(computed(operator, *operands), operator.accumulate(*operands))


def test_the_first_and_the_last_entry_of_the_table() -> None:
    """One anchor is the query itself and one its opposite, at every place of a vector."""
    operator = PooledAttention(1, 1, 1, 19, 33, 5, epilogue=ACCUMULATOR)
    query = plain_pack(np.ones((1, 1, 1, 33), np.int64))
    value = plain_pack(np.arange(19 * 5).reshape(1, 1, 19, 5) % 3 % 2)
    table = np.array([200, *[7] * 32, 90], np.uint8)
    for near, far in itertools.permutations((0, 15, 16, 18), 2):
        bits = np.arange(19 * 33).reshape(1, 1, 19, 33) % 2
        bits[0, 0, near], bits[0, 0, far] = 1, 0
        operands = query, plain_pack(bits), value, table
        np.testing.assert_array_equal(computed(operator, *operands), operator.accumulate(*operands))


def test_weights_of_zero_divide_by_one() -> None:
    rng = np.random.default_rng(0)
    query, key = (rng.integers(-(2**31), 2**31, shape, np.int32) for shape in ((1, 2, 6, 2), (1, 1, 110, 2)))
    value = rng.integers(-(2**31), 2**31, (1, 1, 110, 4), np.int32)
    assert not computed(PLAIN, query, key, value, np.zeros(65, np.uint8)).any()
