"""The product at the heart of every binary layer, with a gradient that passes over the maps as seldom as possible.

With levels L, the integers that weights stand for, and s, the sum over them, the result is y = unit * s. Two identities
spare the gradient two passes over maps, and the memory of the sums::

    dE/dx    = (unit * dE/dy) * L  =  dE/dy * (unit L)         scale the few weights rather than the map
    dE/dunit = sum dE/dy s         =  <L, dE/dy * x>           s is linear in L (Euler), and the second is there anyway
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tvm_bnn.nn.sign import SMALLEST_SCALE, per_channel, weight_levels

_FEW_POSITIONS = 256
"""With so few pixels in a batch, all of its windows together are smaller than the weights and cheaply copied."""


@dataclass(frozen=True)
class Window:
    """How weights of few bits pass over a map.

    Attributes:
        bits: of the weights, 1..2.
        stride: in both directions.
        dilation: in both directions.
        groups: of channels.
    """

    bits: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1


class _ScaledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, unit: Tensor, window: Window) -> Tensor:
        levels = weight_levels(weight, scale, window.bits).to(x.dtype)
        ctx.save_for_backward(x, weight, scale, unit, levels)
        ctx.window = window
        sums = functional.conv2d(x, levels, None, window.stride, 0, window.dilation, window.groups)
        return sums.to(unit.dtype).mul_(per_channel(unit, sums))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None, Tensor, None]:
        x, weight, scale, unit, levels = ctx.saved_tensors
        scaled = levels * _per_filter(unit.to(x.dtype), levels)
        to_x, to_levels = _gradients(gradient.to(x.dtype), x, scaled, ctx.window, ctx.needs_input_grad[0])
        to_levels = to_levels.to(weight.dtype)
        to_unit = (to_levels * levels).flatten(1).sum(1)
        # Whoever wants the gradient of scaled levels has to divide by the scale that they were multiplied by.
        factor = unit / scale.abs().clamp_min(SMALLEST_SCALE)
        return to_x, _within_one(to_levels, weight).mul_(_per_filter(factor, weight)), None, to_unit, None


def scaled_convolution(x: Tensor, weight: Tensor, scale: Tensor, unit: Tensor, window: Window) -> Tensor:
    """Convolve integers with the integers that weights stand for, and scale the sums.

    The gradient that reaches ``weight`` is that of the levels times ``scale``, passed through where |weight| <= 1 and 0
    elsewhere (as in ReActNet); ``scale`` is trained by way of ``unit`` alone.

    Args:
        x: whole numbers in floating point, padded, [N, C, H, W].
        weight: real, [O, C / groups, k, k].
        scale: [O]; of the weights.
        unit: [O]; real value of one unit of the sum.
        window: the rest.

    Returns:
        [N, O, HO, WO] in the type of ``unit``.
    """
    result: Tensor = _ScaledConvolution.apply(x, weight, scale.detach(), unit, window)  # type: ignore[no-untyped-call]
    return result


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor, window: Window, to_x: bool) -> tuple[Tensor | None, Tensor]:
    """Of x, if it is wanted, and of the levels."""
    by_windows = window.groups == 1 and gradient.shape[0] * gradient[0, 0].numel() <= _FEW_POSITIONS
    found = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        [window.stride] * 2,
        [0, 0],
        [window.dilation] * 2,
        False,
        [0, 0],
        window.groups,
        [to_x, not by_windows, False],
    )
    return found[0], _by_windows(gradient, x, weight, window) if by_windows else found[1]


def _by_windows(gradient: Tensor, x: Tensor, weight: Tensor, window: Window) -> Tensor:
    """The gradient of the weights as one product of matrices: [O, all positions] times [all positions, window]."""
    seen = functional.unfold(x, weight.shape[2:], window.dilation, 0, window.stride)
    outputs = gradient.flatten(2).transpose(0, 1).flatten(1)
    return torch.mm(outputs, seen.transpose(1, 2).flatten(0, 1)).view_as(weight)


def _within_one(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient where |weight| <= 1, else 0."""
    # Hardtanh lets nothing pass at its limits, so they are the next numbers beyond 1.
    limit = 1 + torch.finfo(weight.dtype).eps
    passed: Tensor = torch.ops.aten.hardtanh_backward(gradient, weight, -limit, limit)
    return passed


def _per_filter(parameter: Tensor, weight: Tensor) -> Tensor:
    """View ``parameter`` [O] so that it broadcasts over ``weight`` [O, ...]."""
    return parameter.view(-1, *[1] * (weight.dim() - 1))
