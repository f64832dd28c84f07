"""Mixed precision, which is meant for GPUs, on the CPU."""

import pytest
import torch
from torch import nn

from tvm_bnn.nn import AnchorAttention, BinaryConv2d, BinaryLinear, RealConv2d, RPReLU
from tvm_bnn.nn.precision import full_precision, product_dtype


def test_products_follow_autocast() -> None:
    x = torch.ones(1)
    assert product_dtype(x) == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert product_dtype(x) == torch.bfloat16
        with full_precision(x):
            assert product_dtype(x) == torch.float32
    assert product_dtype(x.to("meta")) == torch.float32


@pytest.mark.parametrize(
    "layer", [BinaryConv2d(8, 6), BinaryConv2d(8, 6, activation_bits=2), RealConv2d(8, 6), RPReLU(8)]
)
def test_streams_stay_in_single_precision(layer: nn.Module) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, 6, 6, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.float32
    y.square().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.float32
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())
    torch.testing.assert_close(y, layer(x), rtol=0.02, atol=0.05)


def test_sums_of_few_signs_are_exact() -> None:
    layer, x = BinaryLinear(200, 4), torch.randn(5, 200)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = layer(x)
    assert torch.equal(mixed, layer(x))


def test_attention_is_not_rounded() -> None:
    layer = AnchorAttention(16, 8)
    query, key, value = torch.randn(1, 16, 4, 4), torch.randn(1, 16, 1, 5), torch.randn(1, 8, 1, 5)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = layer(query, key, value)
    assert torch.equal(mixed, layer(query, key, value))
