from typing import Any

import pytest
import torch
from torch.nn import functional

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import BinaryConv2d


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (2, 8, 7, 9)),
        ({"kernel_size": 1}, (2, 8, 7, 9)),
        ({"kernel_size": 5, "stride": 2}, (2, 8, 4, 5)),
        ({"dilation": 2}, (2, 8, 7, 9)),
        ({"padding": 0}, (2, 8, 5, 7)),
        ({"kernel_size": 2, "padding": 1}, (2, 8, 8, 10)),
    ],
)
def test_output_shape(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert BinaryConv2d(4, 8, **settings)(torch.randn(2, 4, 7, 9)).shape == shape


@pytest.mark.parametrize(("pad_value", "fill"), [("one", 1.0), ("zero", 0.0)])
def test_is_a_convolution_of_scaled_signs(pad_value: Any, fill: float) -> None:
    layer = BinaryConv2d(4, 6, groups=2, pad_value=pad_value)
    layer.quantiser.get_parameter("shift").data.normal_()
    x = torch.randn(1, 4, 5, 5)
    signs = functional.pad(
        torch.where(x >= layer.quantiser.get_parameter("shift").view(1, -1, 1, 1), 1.0, -1.0), [1] * 4, value=fill
    )
    weight = torch.where(layer.weight >= 0, 1.0, -1.0) * layer.weight.abs().mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(layer(x), functional.conv2d(signs, weight, groups=2))


@pytest.mark.parametrize(("bipolar", "fill"), [(True, 3.0), (False, 3.0)])
def test_more_bits(bipolar: bool, fill: float) -> None:
    layer = BinaryConv2d(4, 6, activation_bits=2, weight_bits=2, bipolar=bipolar)
    x = torch.randn(1, 4, 5, 5)
    padded = functional.pad(layer.quantiser(x), [1] * 4, value=fill) * layer.quantiser.step
    weight = (2 * layer.codes() - 3) * layer.scale.view(-1, 1, 1, 1)
    torch.testing.assert_close(layer(x), functional.conv2d(padded, weight))


def test_everything_learns() -> None:
    layer = BinaryConv2d(4, 6, activation_bits=2, weight_bits=2)
    x = torch.randn(1, 4, 5, 5, requires_grad=True)
    layer(x).square().sum().backward()
    gradients = [x.grad, *(parameter.grad for parameter in layer.parameters())]
    assert len(gradients) == 4
    assert all(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 3}, "4 -> 8 with 3 groups"),
        ({"stride": 0}, "got 0 and 1"),
        ({"kernel_size": 0}, "positive channels and kernel"),
        ({"padding": -1}, "got -1"),
        ({"kernel_size": 2}, "'same' and an odd kernel"),
        ({"pad_value": "two"}, "got 'two'"),
        ({"activation_bits": 9}, "1..8, got 9"),
        ({"weight_bits": 3}, "1 or 2, got 3"),
    ],
)
def test_wrong_arguments(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        BinaryConv2d(4, 8, **settings)
