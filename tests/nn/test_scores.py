import pytest
import torch

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import UpsampleScores


def test_shape() -> None:
    assert UpsampleScores(4)(torch.randn(1, 5, 3, 2)).shape == (1, 5, 12, 8)


def test_wrong_factor() -> None:
    with pytest.raises(UsageError, match="1, 2, 4, 8, 16, got 3"):
        UpsampleScores(3)
