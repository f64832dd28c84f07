"""The instructions of tensor cores: what a word is, and what a thread sees."""

import numpy as np
import pytest

from tvm_bnn.lowering import mma
from tvm_bnn.targets import load


@pytest.mark.parametrize(("operation", "dtype"), [("s8", np.int8), ("u8", np.uint8)])
def test_a_word_of_bytes(operation: mma.Operation, dtype: type) -> None:
    left, right = np.random.default_rng(0).integers(-(2**31), 2**31, (2, 100)).astype(np.int32)
    bytes_of = (word.view(dtype).reshape(-1, mma.BYTES).astype(np.int32) for word in (left, right))
    np.testing.assert_array_equal(mma.product(operation, left, right), np.multiply(*bytes_of).sum(axis=1))


def test_what_is_native_between_bits() -> None:
    assert [mma.native(load(name)) for name in ("a100", "orin", "h200")] == ["xor", "xor", "and"]


def test_an_intrinsic_is_made_once() -> None:
    assert mma.intrinsic("u8", "shared") == mma.intrinsic("u8", "shared") != mma.intrinsic("u8")
