import torch

from tvm_bnn.nn import ChannelGate
from tvm_bnn.nn.gate import gate_factors


def test_factors_are_sigmoids_on_a_grid() -> None:
    logits = torch.linspace(-12, 12, 4801, dtype=torch.float64)
    factors = gate_factors(logits)
    inside = logits.abs() < 7.9
    # Half a step of the logit at a slope of 1/4, and half a step of the factor.
    assert (factors - torch.sigmoid(logits)).abs()[inside].max() <= 1 / 128 + 1 / 512
    assert torch.equal(factors * 256, (factors * 256).round())
    assert factors.min() == 0
    assert factors.max() == 255 / 256


def test_every_channel_has_its_own_factor() -> None:
    x = torch.ones(2, 3, 4, 5)
    logits = torch.tensor([[-9.0, 0.0, 9.0], [0.0, 0.0, 0.0]]).view(2, 3, 1, 1)
    gated = ChannelGate()(x, logits)
    assert torch.equal(gated[0, :, 0, 0], torch.tensor([0.0, 0.5, 255 / 256]))
    assert torch.equal(gated[1], torch.full((3, 4, 5), 0.5))


def test_gradients_reach_both_inputs() -> None:
    x = torch.randn(1, 2, 3, 3, requires_grad=True)
    logits = torch.zeros(1, 2, 1, 1, requires_grad=True)
    ChannelGate()(x, logits).sum().backward()
    assert x.grad is not None
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad.flatten(), x.detach().sum((0, 2, 3)) / 4)
