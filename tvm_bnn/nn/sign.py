"""From real values to +1 and -1, with a straight-through estimator for training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.nn.precision import product_dtype

SMALLEST_SCALE = 1e-8
"""Scales count by magnitude, and as at least this where something is divided by them."""


def per_channel(parameter: Tensor, x: Tensor) -> Tensor:
    """View ``parameter`` [C] so that it broadcasts over ``x`` [N, C, ...]."""
    return parameter.view(1, -1, *[1] * (x.dim() - 2))


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor, padding: int, fill: float) -> Tensor:
        ctx.save_for_backward(x, shift)
        ctx.padding = padding
        signs = _signs(x, per_channel(shift, x)).to(product_dtype(x))
        return functional.pad(signs, [padding] * 4, value=fill) if padding else signs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, shift = ctx.saved_tensors
        if ctx.padding:
            gradient = gradient[..., ctx.padding : -ctx.padding, ctx.padding : -ctx.padding]
        # In place: maps are larger than caches, and every pass over one costs as much as the whole arithmetic.
        distance = (x - per_channel(shift, x)).abs_()
        slope = torch.add(distance.new_tensor(2), distance, alpha=-2, out=distance).clamp_min_(0)
        passed = slope.mul_(gradient)
        return passed, -passed.sum([axis for axis in range(x.dim()) if axis != 1]), None, None


def _signs(x: Tensor, threshold: Tensor | float) -> Tensor:
    """+1 where ``x`` >= ``threshold``, else -1, in the type of ``x``."""
    # Written as numbers at once: torch is many times slower by way of booleans.
    signs = torch.ge(x, threshold, out=torch.empty_like(x))
    return torch.add(signs.new_tensor(-1), signs, alpha=2, out=signs)


def sign(x: Tensor, shift: Tensor, padding: int = 0, fill: float = 1.0) -> Tensor:
    """+1 where ``x`` [N, C, ...] >= ``shift`` [C], else -1, in the type that products are computed in.

    The gradient is 2 - 2 |x - shift| on |x - shift| < 1 and 0 elsewhere (Bi-Real Net, eq. 5).

    Args:
        x: real.
        shift: thresholds.
        padding: rows and columns of ``fill`` on every side of maps [N, C, H, W].
        fill: what the padding holds.
    """
    result: Tensor = _Sign.apply(x, shift, padding, fill)  # type: ignore[no-untyped-call]
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
        return self.padded(x, 0, 1.0)

    def padded(self, x: Tensor, padding: int, fill: float) -> Tensor:
        """Signs of a map with ``padding`` rows and columns of ``fill`` on every side."""
        signs = sign(x, self.shift, padding, fill)
        if self.softness == 0:
            return signs
        distance = functional.pad(x - per_channel(self.shift, x), [padding] * 4 if padding else [], value=fill)
        return torch.lerp(signs, distance.to(signs.dtype), self.softness)


def weight_codes(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """Codes 0 .. 2^bits - 1 of real weights [O, ...], as floating point; ``scale`` [O] is used by magnitude.

    A code c stands for scale (2 c - (2^bits - 1)): with one bit -scale and +scale, with two -3, -1, 1 and 3 times.
    """
    if bits == 1:
        return (weight >= 0).to(weight.dtype)
    unit = scale.abs().clamp_min(SMALLEST_SCALE).view(-1, *[1] * (weight.dim() - 1))
    return (torch.floor(weight / (2 * unit)) + 2 ** (bits - 1)).clamp(0, 2**bits - 1)


def weight_levels(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """The odd integers that weights [O, ...] of ``bits`` bits stand for, in the dtype of ``weight``; no gradient."""
    if bits == 1:
        return _signs(weight.detach(), 0)
    return 2 * weight_codes(weight.detach(), scale.detach(), bits) - (2**bits - 1)


def initial_scale(weight: Tensor, bits: int) -> Tensor:
    """Scale [O] at which levels are as large as ``weight`` [O, ...] on average: mean |w| / 2^(bits - 1).

    With one bit this is XNOR-Net's optimum. The mean is taken in double precision: the order of the sum, which
    depends on the number of threads, then does not show.
    """
    mean = weight.detach().double().abs().flatten(1).mean(1)
    return (mean / 2 ** (bits - 1)).to(weight.dtype)
