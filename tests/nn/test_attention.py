import pytest
import torch
from torch import Tensor, nn

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import AnchorAttention, BinaryConv2d, PooledBinaryAttention


def signs(*shape: int) -> Tensor:
    return torch.where(torch.randn(shape, dtype=torch.float64) >= 0, 1.0, -1.0).double()


def attend(attention: AnchorAttention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same by its definition, one position after the other, for inputs that are signs."""
    mixed = torch.zeros(query.shape[0], value.shape[1], *query.shape[2:], dtype=torch.float64)
    for n, h, w in torch.cartesian_prod(*map(torch.arange, (query.shape[0], *query.shape[2:]))).tolist():
        different = (query[n, :, h, w, None] != key[n, :, 0]).sum(0)
        exponent = -2 * attention.temperature.double() * (different - different.min())
        weights = torch.floor(255 * torch.exp(exponent) + 0.5)
        mixed[n, :, h, w] = (weights * value[n, :, 0]).sum(1) / weights.sum()
    return mixed


def test_weights_are_a_table_of_the_differing_signs() -> None:
    attention = AnchorAttention(16, 5).double()
    query, key, value = signs(2, 16, 3, 4), signs(2, 16, 1, 7), signs(2, 5, 1, 7)
    torch.testing.assert_close(attention(query, key, value), attend(attention, query, key, value))


def test_equal_anchors_give_their_value_everywhere() -> None:
    attention = AnchorAttention(8, 3)
    value = torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 1, 6)
    mixed = attention(torch.randn(1, 8, 2, 2), torch.randn(1, 8, 1, 6), value)
    torch.testing.assert_close(mixed, value[..., :1].expand(1, 3, 2, 2))


def test_values_of_several_bits_keep_their_step() -> None:
    attention = AnchorAttention(8, 3, value_bits=8)
    value = 0.5 * torch.randn(1, 3, 1, 6)
    mixed = attention(torch.zeros(1, 8, 2, 2), torch.zeros(1, 8, 1, 6), value)
    torch.testing.assert_close(mixed[..., 0, 0], value.mean(-1).squeeze(-1), atol=0.01, rtol=0)


def test_all_parameters_learn() -> None:
    block = PooledBinaryAttention(16, key_channels=8, grids=(1, 2))
    block(torch.randn(4, 16, 6, 6)).square().mean().backward()
    assert [name for name, parameter in block.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("real", [False, True])
def test_block_works_in_a_network_of_another_kind(real: bool) -> None:
    network = nn.Sequential(
        BinaryConv2d(64, 128, stride=2), nn.BatchNorm2d(128), PooledBinaryAttention(128, grids=(1, 2), real=real)
    )
    assert network(torch.randn(2, 64, 8, 12)).shape == (2, 128, 4, 6)


def test_twin_is_real_and_dense() -> None:
    twin = PooledBinaryAttention(16, real=True)
    assert not any(isinstance(layer, BinaryConv2d | AnchorAttention) for layer in twin.modules())
    # Smaller than the largest grid: nothing is pooled but the gate's mean.
    assert twin(torch.randn(2, 16, 3, 3)).shape == (2, 16, 3, 3)


@pytest.mark.parametrize("arguments", [(0, 4), (4, 0)])
def test_channels_are_positive(arguments: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="expected positive channels"):
        AnchorAttention(*arguments)


def test_value_bits_have_limits() -> None:
    with pytest.raises(UsageError, match=r"1\.\.8"):
        AnchorAttention(4, 4, value_bits=9)
