import pytest
import torch

from tvm_bnn.nn import BinarySign
from tvm_bnn.nn.sign import initial_scale, sign, weight_codes, weight_levels


def test_sign_of_zero_is_one() -> None:
    assert sign(torch.tensor([-1e-30, -0.0, 0.0, 2.0])).tolist() == [-1, 1, 1, 1]


def test_gradient_of_sign() -> None:
    x = torch.tensor([-1.5, -1.0, -0.75, 0.0, 0.25, 1.0, 3.0], requires_grad=True)
    sign(x).backward(torch.full((7,), 2.0))
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 1, 4, 3, 0, 0]


def test_binary_sign_compares_with_its_shift() -> None:
    layer = BinarySign(2)
    layer.shift.data = torch.tensor([0.5, -0.5])
    x = torch.tensor([[0.5, -0.5], [0.4, -0.6]])
    assert layer(x).tolist() == [[1, 1], [-1, -1]]
    assert layer(x[:, :, None, None]).shape == (2, 2, 1, 1)


def test_binary_sign_trains_its_shift() -> None:
    layer = BinarySign(1)
    layer(torch.tensor([[0.25], [9.0]])).sum().backward()
    assert layer.shift.grad is not None
    assert layer.shift.grad.tolist() == [-1.5]


@pytest.mark.parametrize(("bits", "codes"), [(1, [0, 0, 0, 1, 1, 1]), (2, [0, 0, 1, 2, 2, 3])])
def test_weight_codes(bits: int, codes: list[int]) -> None:
    weight = torch.tensor([[-9.0, -1.01, -0.99, 0.0, 0.99, 1.0]])
    assert weight_codes(weight, torch.tensor([-0.5]), bits).tolist() == [codes]


def test_weight_levels_are_odd() -> None:
    weight = torch.tensor([[-9.0, -0.1, 0.1, 9.0]])
    assert weight_levels(weight, torch.tensor([0.5]), 2).tolist() == [[-3, -1, 1, 3]]
    assert weight_levels(weight, torch.tensor([0.5]), 1).tolist() == [[-1, -1, 1, 1]]


@pytest.mark.parametrize("scale", [0.25, -0.25])
def test_gradient_of_scaled_weights_is_the_identity_up_to_one(scale: float) -> None:
    weight = torch.tensor([[-2.0, -1.0, 0.5, 1.5]], requires_grad=True)
    factor = torch.tensor([scale], requires_grad=True)
    (weight_levels(weight, factor, 1) * factor.view(-1, 1)).sum().backward()
    assert weight.grad is not None
    assert factor.grad is not None
    passed = 1.0 if scale > 0 else -1.0
    assert weight.grad.tolist() == [[0, passed, passed, 0]]
    assert factor.grad.tolist() == [0]


def test_initial_scale() -> None:
    weight = torch.tensor([[[1.0, -3.0]], [[0.0, 0.5]]])
    assert initial_scale(weight, 1).tolist() == [2, 0.25]
    assert initial_scale(weight, 2).tolist() == [1, 0.125]
