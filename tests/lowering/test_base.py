import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lowering.layouts import AVX2, AVX512
from tests.strategies import BY_KIND, by_name, random_inputs, seeds
from tvm_bnn.errors import UsageError
from tvm_bnn.lowering import registry
from tvm_bnn.lowering.base import data_inputs
from tvm_bnn.lowering.popcount_lanes import PopcountLanesConv2d
from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.ops import Conv2d
from tvm_bnn.spaces.lanes import Lanes


@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("kind", sorted(BY_KIND))
@given(data=st.data(), seed=seeds)
def test_packed_parameters_are_what_was_announced(kind: str, data: st.DataObject, seed: int) -> None:
    operator = data.draw(BY_KIND[kind])
    arrays = random_inputs(operator, np.random.default_rng(seed))
    for target in (AVX2, AVX512):
        for row in rows_for(operator, target):
            parameters = row.lowering.parameters(operator, target)
            packed = row.lowering.pack(operator, target, by_name(operator, arrays))
            inputs = row.lowering.pack_inputs(operator, target, arrays)
            specs = [*data_inputs(operator), *parameters]
            assert [(a.shape, str(a.dtype)) for a in inputs] == [(s.shape, s.dtype) for s in specs]
            assert all(array.flags.c_contiguous for array in inputs)
            assert {spec.name for spec in parameters} <= packed.keys()


GROUPED = Conv2d(1, 5, 5, 24, 12, groups=3)


def test_rows_are_found_by_name() -> None:
    row = row_named(GROUPED, AVX2, "popcount-masked")
    assert row is not None
    assert row.fallback
    assert row_named(GROUPED, AVX2, "popcount-lanes") is None


def test_an_operator_that_every_lowering_declines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ROWS", (Row(PopcountLanesConv2d(), Lanes()),))
    with pytest.raises(UsageError, match=r"conv2d 3x3 24->12.* x86-avx2: popcount-lanes: groups of 8 input channels"):
        rows_for(GROUPED, AVX2)
    monkeypatch.setattr(registry, "ROWS", ())
    with pytest.raises(UsageError, match="no lowering of this kind exists"):
        rows_for(GROUPED, AVX2)
