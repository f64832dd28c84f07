"""Fake quantisers: real values rounded to the few that the integer network knows, with gradients for training."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.precision import product_dtype

INT8_LIMIT = 127
"""Largest magnitude of an int8 weight: symmetric, -128 is not used."""

UINT8_STEP = 2.0**-5
"""Value of one unit of a uint8 activation: it spans 0 .. 7.97."""

_INITIAL_RANGE = 2.5


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.floor(x + 0.5)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def round_half_up(x: Tensor) -> Tensor:
    """floor(x + 1/2), as the rounding shift of the integer network; the gradient passes unchanged."""
    result: Tensor = _Round.apply(x)  # type: ignore[no-untyped-call]
    return result


class ActivationCodes(nn.Module):
    """Activations of A bits: ``x`` [N, C, ...] to the integers that its codes stand for, same shape and dtype.

    A code c of 0 .. 2^A - 1 stands for the integer c (unipolar) or 2 c - (2^A - 1) (bipolar), and for the real value
    ``step`` times that. Whoever multiplies the result of a layer by ``step`` thereby trains it as LSQ does (Esser
    et al. 2020, eq. 3); the step is kept as its logarithm, so that it stays positive (TQT, Jain et al. 2020).

    Args:
        bits: A, 1..8.
        bipolar: whether codes stand for both signs.

    Raises:
        UsageError: ``bits`` out of range.
    """

    def __init__(self, bits: int, *, bipolar: bool) -> None:
        super().__init__()
        if not 1 <= bits <= 8:
            raise UsageError(f"activation_bits: expected 1..8, got {bits}")
        self.bits = bits
        self.bipolar = bipolar
        self.log2_step = nn.Parameter(torch.tensor(math.log2(_INITIAL_RANGE / (2**bits - 1))))

    @property
    def step(self) -> Tensor:
        """The real value of one integer unit."""
        return torch.exp2(self.log2_step)

    def forward(self, x: Tensor) -> Tensor:
        """Integers of ``x``; the gradient is 0 where x lies outside their range."""
        top = 2**self.bits - 1
        if self.bipolar:
            return 2 * round_half_up(((x / self.step + top) / 2).clamp(0, top)) - top
        return round_half_up((x / self.step).clamp(0, top))

    def padded(self, x: Tensor, padding: int, fill: float) -> Tensor:
        """Integers of a map with ``padding`` rows and columns of ``fill`` on every side."""
        return functional.pad(self(x), [padding] * 4, value=fill).to(product_dtype(x))


def int8_scale(weight: Tensor) -> Tensor:
    """Value of one unit of the int8 weights: the least power of two that fits the largest weight.

    A power of two costs less than one bit, and lets the head's scores be rescaled by a shift alone, exactly.
    """
    largest = weight.detach().abs().max().double().clamp_min(2.0**-20)
    return torch.exp2(torch.ceil(torch.log2(largest / INT8_LIMIT))).to(weight.dtype)


def int8_levels(weight: Tensor) -> Tensor:
    """``weight`` in units of :func:`int8_scale`, rounded, still floating point; the gradient passes to ``weight``."""
    return round_half_up(weight / int8_scale(weight)).clamp(-INT8_LIMIT, INT8_LIMIT)


class _Uint8Values(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x / UINT8_STEP).clamp_(0, 255).add_(0.5).floor_().mul_(UINT8_STEP)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        numbers = torch.finfo(x.dtype)
        # Hardtanh lets nothing pass at its limits, so they are just beyond the range.
        limit = 255 * UINT8_STEP * (1 + numbers.eps)
        passed: Tensor = torch.ops.aten.hardtanh_backward(gradient, x, -numbers.tiny, limit)
        return passed


def uint8_values(x: Tensor) -> Tensor:
    """``x`` clamped to 0 .. 255 steps of :data:`UINT8_STEP` and rounded to whole steps; gradient 0 outside."""
    result: Tensor = _Uint8Values.apply(x)  # type: ignore[no-untyped-call]
    return result
