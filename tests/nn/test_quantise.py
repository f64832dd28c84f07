import pytest
import torch

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import ActivationCodes
from tvm_bnn.nn.quantise import int8_levels, int8_scale, round_half_up, uint8_values


def codes(bits: int, *, bipolar: bool, step: float) -> ActivationCodes:
    layer = ActivationCodes(bits, bipolar=bipolar)
    layer.log2_step.data = torch.log2(torch.tensor(step))
    return layer


def test_round_half_up() -> None:
    x = torch.tensor([-1.5, -0.5, 0.49, 0.5, 2.5], requires_grad=True)
    rounded = round_half_up(x)
    assert rounded.tolist() == [-1, 0, 0, 1, 3]
    rounded.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1] * 5


def test_unipolar_codes() -> None:
    x = torch.tensor([[-1.0, 0.24, 0.25, 0.9, 9.0]])
    assert codes(2, bipolar=False, step=0.5)(x).tolist() == [[0, 0, 1, 2, 3]]


def test_bipolar_codes_are_odd() -> None:
    x = torch.tensor([[-9.0, -0.6, -0.1, 0.0, 0.4, 1.0]])
    assert codes(2, bipolar=True, step=0.5)(x).tolist() == [[-3, -1, -1, 1, 1, 3]]


def test_gradients_of_codes() -> None:
    layer = codes(2, bipolar=False, step=0.5)
    x = torch.tensor([[-1.0, 0.4, 9.0]], requires_grad=True)
    (layer(x) * layer.step).sum().backward()
    assert x.grad is not None
    assert layer.log2_step.grad is not None
    assert x.grad.tolist() == [[0, 1, 0]]
    # LSQ: (code - x / step) inside the range, the code itself above it; times step ln 2 for the logarithm.
    expected = (1 - 0.8 + 3) * 0.5 * 0.693147
    assert layer.log2_step.grad.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("bits", [0, 9])
def test_activation_bits_out_of_range(bits: int) -> None:
    with pytest.raises(UsageError, match=f"1..8, got {bits}"):
        ActivationCodes(bits, bipolar=True)


def test_int8_weights_use_a_power_of_two() -> None:
    weight = torch.tensor([1.0, -0.5, 0.003])
    assert int8_scale(weight) == 2**-6
    assert int8_levels(weight).tolist() == [64, -32, 0]
    assert int8_scale(torch.tensor([127.0])) == 1
    assert int8_scale(torch.tensor([127.1])) == 2


def test_int8_weights_of_nothing_but_zeros() -> None:
    assert int8_levels(torch.zeros(3)).tolist() == [0, 0, 0]


def test_uint8_values() -> None:
    x = torch.tensor([-1.0, 1 / 65, 1 / 63, 100.0], requires_grad=True)
    values = uint8_values(x)
    assert values.tolist() == [0, 0, 1 / 32, 255 / 32]
    values.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 1, 1, 0]
