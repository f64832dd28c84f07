"""Real-valued layers folded into the integers of an epilogue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.activation import LARGEST_SLOPE, RPReLU
from tvm_bnn.nn.freezing.fuse import Group
from tvm_bnn.nn.freezing.layers import NORMS
from tvm_bnn.nn.freezing.trace import LayerGraph
from tvm_bnn.nn.gate import LearnedGate
from tvm_bnn.nn.quantise import ActivationCodes
from tvm_bnn.nn.sign import BinarySign
from tvm_bnn.ops.epilogue import INT16_MAX, INT16_MIN, SLOPE_FRACTION_BITS, Epilogue, Output, check_parameters
from tvm_bnn.ops.tensors import Array

Reals = NDArray[np.float64]

MAX_SHIFT = 24
MIN_FRACTION, MAX_FRACTION = -16, 20
_MAX_CODE_SHIFT = 30


def reals(tensor: Tensor) -> Reals:
    """A tensor's values as float64."""
    return tensor.detach().double().numpy(force=True)


@dataclass(frozen=True)
class Affine:
    """z = scale a + shortcut s + bias per channel, for an accumulator a in units and a real shortcut s."""

    scale: Reals
    bias: Reals
    shortcut: Reals

    def normalised(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Affine:
        """Followed by a batch norm in evaluation mode."""
        gain = 1 / np.sqrt(reals(_given(norm.running_var)) + norm.eps)
        mean, offset = reals(_given(norm.running_mean)), np.zeros_like(gain)
        if norm.affine:
            gain, offset = gain * reals(norm.weight), reals(norm.bias)
        return Affine(self.scale * gain, (self.bias - mean) * gain + offset, self.shortcut * gain)

    def scaled(self, factor: Reals) -> Affine:
        """Followed by a multiplication of every channel."""
        return Affine(self.scale * factor, self.bias * factor, self.shortcut * factor)


def _given(statistic: Tensor | None) -> Tensor:
    assert statistic is not None
    return statistic


def fold_linear(graph: LayerGraph, group: Group, scale: Reals, bias: Reals) -> Affine:
    """Norms, learned gates and the addition of a group, on an accumulator of ``scale`` and ``bias`` [O] at first."""
    affine = Affine(scale, bias, np.zeros_like(scale))
    for node in group.linear:
        layer = graph.layers[node]
        if isinstance(layer, NORMS):
            affine = affine.normalised(layer)
        elif isinstance(layer, LearnedGate):
            affine = affine.scaled(reals(layer.factor))
        else:
            affine = Affine(affine.scale, affine.bias, np.ones_like(scale))
    return affine


def integer_affine(
    affine: Affine, bound: NDArray[np.int64], fraction: int, shortcut_fraction: int
) -> dict[str, Array] | None:
    """``mul``, ``add``, ``shift`` and ``shortcut_mul`` [O] for a result of 2^-fraction per unit.

    Every channel gets the largest shift, hence the finest multipliers, at which the sum stays within 32 bits for
    accumulators up to ``bound`` [O]; None where one has none.
    """
    shift = np.arange(MAX_SHIFT + 1)[:, None]
    mul = np.rint(affine.scale * 2.0 ** (shift + fraction))
    shortcut_mul = np.rint(affine.shortcut * 2.0 ** (shift + fraction - shortcut_fraction))
    add = np.rint(affine.bias * 2.0 ** (shift + fraction)) + (1 << shift >> 1)
    fits = bound * np.abs(mul) + 2.0**15 * np.abs(shortcut_mul) + np.abs(add) < 2.0**31
    if not fits.any(0).all():
        return None
    best = MAX_SHIFT - np.argmax(fits[::-1], axis=0)
    named = {"mul": mul, "add": add, "shift": np.broadcast_to(shift, mul.shape), "shortcut_mul": shortcut_mul}
    return {name: np.take_along_axis(table, best[None], 0)[0].astype(np.int32) for name, table in named.items()}


def fraction_for(peak: float) -> int:
    """Bits after the point for a stream whose magnitude reached ``peak``: as many as leave head room of a factor 2."""
    if peak == 0:
        return 0
    return min(max(math.floor(math.log2(2**14 / peak)), MIN_FRACTION), MAX_FRACTION)


def check_channels(epilogue: Epilogue, bound: NDArray[np.int64], parameters: Mapping[str, Array]) -> None:
    """:func:`tvm_bnn.ops.epilogue.check_parameters` with a bound [O] per channel."""
    for value in np.unique(bound):
        check_parameters(epilogue, int(value), {name: array[bound == value] for name, array in parameters.items()})


def integer_rprelu(graph: LayerGraph, node: fx.Node, channels: int, fraction: int) -> dict[str, Array]:
    """``rprelu_in``, ``rprelu_slope`` and ``rprelu_out`` [O] of an RPReLU, PReLU or ReLU."""
    layer = graph.layers[node]
    knee = slope = offset = np.zeros(channels)
    if isinstance(layer, RPReLU):
        knee, offset = reals(layer.knee), reals(layer.offset)
        slope = np.clip(reals(layer.slope), -LARGEST_SLOPE, LARGEST_SLOPE)
    elif isinstance(layer, nn.PReLU):
        slope = np.broadcast_to(reals(layer.weight), (channels,))
    return {
        "rprelu_in": to_int16(np.rint(knee * 2.0**fraction)),
        "rprelu_slope": to_int16(np.rint(slope * 2**SLOPE_FRACTION_BITS)),
        "rprelu_out": to_int16(np.rint(offset * 2.0**fraction)),
    }


def to_int16(values: Reals) -> NDArray[np.int16]:
    """Saturate whole numbers."""
    return np.clip(values, INT16_MIN, INT16_MAX).astype(np.int16)


@dataclass(frozen=True, eq=False)
class Packing:
    """How a stream becomes bits: an output of an epilogue and its parameters [C]."""

    output: Output
    code_bits: int
    parameters: dict[str, Array]

    def same_as(self, other: Packing) -> bool:
        """Whether both yield the same bits of any stream."""
        return (self.output, self.code_bits) == (other.output, other.code_bits) and all(
            np.array_equal(array, other.parameters[name]) for name, array in self.parameters.items()
        )


def packing_of(quantiser: BinarySign | ActivationCodes, channels: int, fraction: int) -> Packing:
    """Thresholds or code multipliers that quantise int16 values of 2^-fraction as ``quantiser`` does real ones."""
    if isinstance(quantiser, BinarySign):
        # An integer s is at least t 2^f exactly if it is at least the next whole number.
        threshold = to_int16(np.ceil(reals(quantiser.shift) * 2.0**fraction))
        return Packing("signs", 0, {"threshold": threshold})
    factor, offset = 2.0**-fraction / float(quantiser.step.detach()), 0.5
    if quantiser.bipolar:
        # Code (x / step + 2^A - 1) / 2, and the half that rounds.
        factor, offset = factor / 2, 2.0 ** (quantiser.bits - 1)
    shift = _code_shift(factor, offset)
    numbers = {"code_mul": round(factor * 2**shift), "code_add": round(offset * 2**shift), "code_shift": shift}
    return Packing("codes", quantiser.bits, {name: np.full(channels, n, np.int32) for name, n in numbers.items()})


def _code_shift(factor: float, offset: float) -> int:
    """The largest shift at which no int16 times the multiplier leaves 32 bits."""
    fitting = (s for s in range(_MAX_CODE_SHIFT, -1, -1) if 2**15 * (factor * 2**s + 1) + offset * 2**s < 2**31)
    shift = next(fitting, None)
    if shift is None:
        raise UsageError(
            f"activation step: expected at least 2^-16 of a unit of the stream, got 1 / {factor:.3g}",
            "train the step, or calibrate with pictures like those it was trained on",
        )
    return shift


def accumulator_thresholds(affine: Affine, quantiser: BinarySign, bound: NDArray[np.int64]) -> NDArray[np.int32]:
    """Thresholds [O] on the sum a itself: for scale > 0, scale a + bias >= t is the same as a >= (t - bias) / scale."""
    exact = np.ceil((reals(quantiser.shift) - affine.bias) / affine.scale)
    return np.clip(exact, -bound, bound + 1).astype(np.int32)
