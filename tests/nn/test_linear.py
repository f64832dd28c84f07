import pytest
import torch

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import BinaryLinear


def test_is_a_product_of_scaled_signs() -> None:
    layer = BinaryLinear(10, 3)
    x = torch.randn(4, 10)
    weight = torch.where(layer.weight >= 0, 1.0, -1.0) * layer.weight.abs().mean(1, keepdim=True)
    torch.testing.assert_close(layer(x), torch.where(x >= 0, 1.0, -1.0) @ weight.T)


def test_without_features() -> None:
    with pytest.raises(UsageError, match="BinaryLinear: expected positive"):
        BinaryLinear(0, 3)
