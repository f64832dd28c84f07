"""From real values to +1 and -1, with a straight-through estimator for training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_SMALLEST_SCALE = 1e-8


def per_channel(parameter: Tensor, x: Tensor) -> Tensor:
    """View ``parameter`` [C] so that it broadcasts over ``x`` [N, C, ...]."""
    return parameter.view(1, -1, *[1] * (x.dim() - 2))


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype) * 2 - 1

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (2 - 2 * x.abs()).clamp_min(0)


def sign(x: Tensor) -> Tensor:
    """+1 where ``x`` >= 0, else -1; the gradient is 2 - 2 |x| on |x| < 1 and 0 elsewhere (Bi-Real Net, eq. 5)."""
    result: Tensor = _Sign.apply(x)  # type: ignore[no-untyped-call]
    return result


class BinarySign(nn.Module):
    """The sign of ``x`` [N, C, ...] against a learned threshold per channel (ReActNet's RSign).

    The result is +1 where x >= shift and -1 elsewhere, of the shape and dtype of ``x``. After freezing it is one bit.

    Args:
        channels: C.

    Attributes:
        softness: 0 for the sign; above, so large a share of the result is x - shift itself. For the start of
            training only.
    """

    bits = 1
    bipolar = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))
        self.softness = 0.0

    @property
    def step(self) -> Tensor:
        """The real value of one integer unit: 1."""
        return torch.ones((), dtype=self.shift.dtype, device=self.shift.device)

    def forward(self, x: Tensor) -> Tensor:
        """Signs of ``x``."""
        distance = x - per_channel(self.shift, x)
        if self.softness == 0:
            return sign(distance)
        return torch.lerp(sign(distance), distance, self.softness)


def weight_codes(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """Codes 0 .. 2^bits - 1 of real weights [O, ...], as floating point; ``scale`` [O] is used by magnitude.

    A code c stands for scale (2 c - (2^bits - 1)): with one bit -scale and +scale, with two -3, -1, 1 and 3 times.
    """
    if bits == 1:
        return (weight >= 0).to(weight.dtype)
    unit = scale.abs().clamp_min(_SMALLEST_SCALE).view(-1, *[1] * (weight.dim() - 1))
    return (torch.floor(weight / (2 * unit)) + 2 ** (bits - 1)).clamp(0, 2**bits - 1)


class _WeightLevels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, scale: Tensor, bits: int) -> Tensor:
        ctx.save_for_backward(weight, scale)
        return 2 * weight_codes(weight, scale, bits) - (2**bits - 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        weight, scale = ctx.saved_tensors
        unit = scale.abs().clamp_min(_SMALLEST_SCALE).view(-1, *[1] * (weight.dim() - 1))
        return gradient / unit * (weight.abs() <= 1), None, None


def weight_levels(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """The odd integers that weights [O, ...] of ``bits`` bits stand for, in the dtype of ``weight``.

    Whoever multiplies the result of a layer by ``scale`` thereby trains ``scale``. The gradient that reaches
    ``weight`` is that of the scaled levels, passed through where |weight| <= 1 and 0 elsewhere (as in ReActNet).
    """
    result: Tensor = _WeightLevels.apply(weight, scale, bits)  # type: ignore[no-untyped-call]
    return result


def initial_scale(weight: Tensor, bits: int) -> Tensor:
    """Scale [O] at which levels are as large as ``weight`` [O, ...] on average: mean |w| / 2^(bits - 1).

    With one bit this is XNOR-Net's optimum. The mean is taken in double precision: the order of the sum, which
    depends on the number of threads, then does not show.
    """
    mean = weight.detach().double().abs().flatten(1).mean(1)
    return (mean / 2 ** (bits - 1)).to(weight.dtype)
