import pytest
import torch
from torch.nn import functional

from tvm_bnn.nn import BinarySign
from tvm_bnn.nn.sign import initial_scale, sign, weight_codes, weight_levels

ZERO = torch.zeros(1)


def test_sign_of_zero_is_one() -> None:
    assert sign(torch.tensor([[-1e-30], [-0.0], [0.0], [2.0]]), ZERO).flatten().tolist() == [-1, 1, 1, 1]


def test_gradient_of_sign() -> None:
    x = torch.tensor([[-1.5], [-1.0], [-0.75], [0.0], [0.25], [1.0], [3.0]], requires_grad=True)
    sign(x, ZERO).backward(torch.full((7, 1), 2.0))
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0, 0, 1, 4, 3, 0, 0]


def test_padding_has_no_gradient() -> None:
    x, shift = torch.randn(2, 3, 4, 5, requires_grad=True), torch.randn(3, requires_grad=True)
    padded = sign(x, shift, 2, 0.0)
    assert torch.equal(padded, functional.pad(sign(x, shift), [2] * 4))
    weight = torch.randn_like(padded)
    (padded * weight).sum().backward()
    found = [x.grad, shift.grad]
    x.grad = shift.grad = None
    (sign(x, shift) * weight[..., 2:-2, 2:-2]).sum().backward()
    for one, other in zip(found, [x.grad, shift.grad], strict=True):
        torch.testing.assert_close(one, other)


def test_soft_signs_pass_what_they_see() -> None:
    layer = BinarySign(1)
    layer.softness = 0.5
    assert layer(torch.tensor([[0.5], [-3.0]])).tolist() == [[0.75], [-2]]
    assert layer.padded(torch.full((1, 1, 1, 1), 0.5), 1, 1.0).flatten().tolist() == [1, 1, 1, 1, 0.75, 1, 1, 1, 1]


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


def test_initial_scale() -> None:
    weight = torch.tensor([[[1.0, -3.0]], [[0.0, 0.5]]])
    assert initial_scale(weight, 1).tolist() == [2, 0.25]
    assert initial_scale(weight, 2).tolist() == [1, 0.125]
