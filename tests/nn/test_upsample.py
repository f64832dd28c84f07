from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import BinarySign, MultiBranchUpsample
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.upsample import Gate

GATES: tuple[Gate, ...] = ("learned", "pooled")


def lively(layer: nn.Module) -> nn.Module:
    """In double precision, with statistics, thresholds and gates as training would leave them."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in layer.double().eval().state_dict().items():
        if name.endswith(("running_var", "norm.weight")):
            tensor.uniform_(0.5, 2, generator=generator)
        elif name.endswith(("running_mean", "bias", "shift", "logit")):
            tensor.normal_(generator=generator)
    return layer


def normalised(norm: Any, x: Tensor) -> Tensor:
    mean, deviation, gain, bias = (
        value.view(-1, 1, 1)
        for value in (norm.running_mean, (norm.running_var + norm.eps).sqrt(), norm.weight, norm.bias)
    )
    return (x - mean) / deviation * gain + bias


def convolved(layer: Any, x: Tensor, kernel_size: int, dilation: int = 1) -> Tensor:
    """A binary convolution: signs against thresholds, +1 around them, signs of weights times their scale."""
    signs = torch.where(x >= layer.quantiser.shift.view(-1, 1, 1), 1.0, -1.0).double()
    padded = functional.pad(signs, [dilation * (kernel_size // 2)] * 4, value=1)
    weight = torch.where(layer.weight >= 0, 1.0, -1.0) * layer.scale.view(-1, 1, 1, 1)
    return functional.conv2d(padded, weight, dilation=dilation)


def doubled(x: Tensor) -> Tensor:
    """Three quarters of the nearest pixel and one of its neighbour, along either axis; the border repeats itself."""
    for axis in (2, 3):
        place = torch.arange(2 * x.shape[axis])
        near = place // 2
        far = (near + place % 2 * 2 - 1).clamp(0, x.shape[axis] - 1)
        x = 0.75 * x.index_select(axis, near) + 0.25 * x.index_select(axis, far)
    return x


def factors(upsample: MultiBranchUpsample, branch: Any, x: Tensor) -> Tensor:
    if not branch.pooled:
        return torch.sigmoid(branch.gate.logit).view(-1, 1, 1)
    project, norm = branch.excite
    mean = normalised(upsample.mean.get_submodule("1"), x.mean((2, 3), keepdim=True))
    logits = normalised(norm, convolved(project, mean, 1))
    rounded = torch.floor(16 * logits + 0.5).clamp(-128, 127) / 16
    return torch.floor(256 * torch.sigmoid(rounded) + 0.5).clamp(max=255) / 256


@pytest.mark.parametrize("dilations", [(1, 2, 3), (2,), (1, 1, 4, 2)])
@pytest.mark.parametrize("gate", GATES)
def test_formula_branch_by_branch(gate: Gate, dilations: tuple[int, ...]) -> None:
    upsample = MultiBranchUpsample(5, 3, dilations, gate)
    lively(upsample)
    x, shortcut = torch.randn(2, 5, 4, 6).double(), torch.randn(2, 3, 8, 12).double()
    total = torch.zeros(2, 3, 4, 6).double()
    for branch, dilation in zip(upsample.branches, dilations, strict=True):
        features = normalised(branch.norm, convolved(branch.conv, x, 3, dilation))
        total += factors(upsample, branch, x) * features
    torch.testing.assert_close(upsample(x, shortcut), doubled(total) + shortcut)


def test_branches_have_thresholds_of_their_own() -> None:
    upsample = MultiBranchUpsample(4, 4)
    assert len({id(layer.shift) for layer in upsample.modules() if isinstance(layer, BinarySign)}) == 3


def test_learned_gates_do_not_see_the_picture_and_pooled_ones_do() -> None:
    for gate in GATES:
        upsample = MultiBranchUpsample(4, 4, (1,), gate)
        lively(upsample)
        # Far from the thresholds a larger x has the same signs; a mean of its own shows in a pooled gate alone.
        x = torch.where(torch.arange(16.0).view(1, 4, 2, 2) % 2 > 0, 50.0, -50.0).double()
        larger = torch.where(x > 0, 100.0, x)
        shortcut = torch.zeros(1, 4, 4, 4).double()
        assert torch.equal(upsample(x, shortcut), upsample(larger, shortcut)) == (gate == "learned")


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("gate", GATES)
def test_everything_learns(gate: Gate, real: bool) -> None:
    upsample = MultiBranchUpsample(8, 4, gate=gate, real=real)
    maps = [torch.randn(shape, requires_grad=True) for shape in ((3, 8, 4, 6), (3, 4, 8, 12))]
    upsample(*maps).square().mean().backward()
    assert [name for name, parameter in upsample.named_parameters() if parameter.grad is None] == []
    assert all(x.grad is not None and bool(x.grad.any()) for x in maps)


@pytest.mark.parametrize("gate", GATES)
def test_twin_is_real(gate: Gate) -> None:
    twin = MultiBranchUpsample(8, 4, gate=gate, real=True)
    assert not any(isinstance(layer, BinaryLayer | BinarySign) for layer in twin.modules())
    assert twin(torch.randn(2, 8, 4, 6), torch.randn(2, 4, 8, 12)).shape == (2, 4, 8, 12)


@pytest.mark.parametrize("dilations", [(), (1, 0), (-1,)])
def test_a_dilation_for_every_branch(dilations: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="expected a dilation for every branch") as caught:
        MultiBranchUpsample(4, 4, dilations)
    assert str(dilations) in caught.value.message


class Other(nn.Module):
    """A network of ordinary layers around one upsampling."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 4, 3, padding=1)
        self.coarse = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.GELU())
        self.up = MultiBranchUpsample(6, 4, gate=gate)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        fine = self.fine(picture)
        scores: Tensor = self.out(self.up(self.coarse(fine), fine))
        return scores


@pytest.mark.parametrize("gate", GATES)
def test_works_and_learns_in_a_network_of_another_kind(gate: Gate) -> None:
    network, picture = Other(gate), torch.randn(4, 3, 8, 12)
    target = picture.mean(1).ge(0).long()
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    losses = []
    for _ in range(30):
        loss = functional.cross_entropy(network(picture), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
