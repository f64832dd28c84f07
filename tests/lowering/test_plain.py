import numpy as np
import pytest

from tests.lowering.layouts import AVX512
from tests.strategies import by_name, random_inputs
from tvm_bnn.lowering.base import canonical_parameters
from tvm_bnn.lowering.plain import Plain
from tvm_bnn.lowering.registry import ROWS
from tvm_bnn.ops import AvgPool2d, Bitpack, ChannelGate, Operator, PooledAttention, Upsample2x


@pytest.mark.parametrize(
    "operator",
    [
        PooledAttention(1, 2, 3, 4, 64, 8),
        ChannelGate(1, 2, 3, 8),
        Upsample2x(1, 2, 3, 8),
        AvgPool2d(1, 2, 4, 8),
        Bitpack(1, 2, 3, 64),
    ],
    ids=str,
)
def test_parameters_stay_as_they_are(operator: Operator) -> None:
    (lowering,) = (r.lowering for r in ROWS if r.lowering.kind == operator.kind and isinstance(r.lowering, Plain))
    named = by_name(operator, random_inputs(operator, np.random.default_rng(0)))
    assert lowering.declines(operator, AVX512) is None
    assert list(lowering.parameters(operator, AVX512)) == canonical_parameters(operator)
    assert lowering.pack(operator, AVX512, named) == named
