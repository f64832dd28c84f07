import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import BY_KIND, PACKED_NAMES, Packed, by_name, seeds, word_layout, word_mask
from tests.tuning.fakes import CONV
from tvm_bnn.ops import AccumulatingOperator, Conv2d, Epilogue, RealConv2d
from tvm_bnn.ops.epilogue import check_parameters
from tvm_bnn.tuning.inputs import sample_inputs


@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("kind", sorted(BY_KIND))
@given(data=st.data(), seed=seeds)
def test_inputs_fit_the_operator(kind: str, data: st.DataObject, seed: int) -> None:
    operator = data.draw(BY_KIND[kind])
    arrays = sample_inputs(operator, seed)
    assert [(a.shape, str(a.dtype)) for a in arrays] == [(s.shape, s.dtype) for s in operator.inputs()]
    named = by_name(operator, arrays)
    if isinstance(operator, AccumulatingOperator):
        check_parameters(operator.epilogue, operator.accumulator_bound(), named)
    if isinstance(operator, Packed):
        for name in named.keys() & set(PACKED_NAMES):
            assert not (named[name].view(np.uint32) & ~word_mask(*word_layout(operator, name))).any()


def test_a_bias_leaves_room_for_sums_near_the_limit() -> None:
    epilogue = Epilogue("bias", outputs=("codes",), code_bits=1)
    operator = RealConv2d(1, 5, 5, 17, 2, (5, 5), padding=(0, 0), input_dtype="int16", epilogue=epilogue)
    named = by_name(operator, sample_inputs(operator, 0))
    check_parameters(operator.epilogue, operator.accumulator_bound(), named)
    assert named["add"].any()
    assert named["code_add"].any()


def test_the_seed_decides() -> None:
    first, again, other = (sample_inputs(CONV, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_results_say_something() -> None:
    """A kernel that writes zeros, or saturates, must not look right."""
    full = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs", "codes"), code_bits=3)
    operator = Conv2d(1, 8, 8, 64, 64, epilogue=full)
    stream, signs, codes = operator.reference(*sample_inputs(operator, 0))
    assert np.mean(np.abs(stream.astype(np.int32)) >= 2**15 - 1) < 0.5
    assert len(np.unique(stream)) > 500
    for words in (signs, codes):
        share = np.unpackbits(words.view(np.uint8)).mean()
        assert 0.05 < share < 0.95
