import pytest
import torch

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import RepeatChannels


def test_repeats_whole_blocks() -> None:
    assert RepeatChannels(2)(torch.tensor([[1.0, 2.0]])).tolist() == [[1, 2, 1, 2]]


def test_wrong_factor() -> None:
    with pytest.raises(UsageError, match="at least 1, got 0"):
        RepeatChannels(0)
