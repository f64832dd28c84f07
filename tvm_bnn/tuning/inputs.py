"""Arrays that fit an operator, from a seed: for measuring it and for comparing a kernel with the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.ops.attention import PooledAttention
from tvm_bnn.ops.base import AccumulatingOperator, Operator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, WORD_BITS, pack_bits
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.epilogue import INT16_MAX, INT16_MIN, SLOPE_LIMIT
from tvm_bnn.ops.tensors import TensorSpec

Array = NDArray[Any]
Packed = Conv2d | Dense | PooledAttention

_PACKED = {"x", "weight", "query", "key", "value"}
"""Operands in words."""


def sample_inputs(operator: Operator, seed: int) -> list[Array]:
    """Inputs in calling order; padding bits are 0 and no 32-bit step of the epilogue overflows."""
    rng = np.random.default_rng(seed)
    return [_draw(operator, spec, rng) for spec in operator.inputs()]


def _draw(operator: Operator, spec: TensorSpec, rng: np.random.Generator) -> Array:
    if isinstance(operator, Packed) and spec.name in _PACKED:
        return _words(operator, spec, rng)
    if isinstance(operator, AccumulatingOperator) and spec.name in _EPILOGUE:
        low, high = _range(operator, spec.name)
        return rng.integers(low, high, spec.shape, spec.dtype, endpoint=True)
    limits = np.iinfo(spec.dtype)
    return rng.integers(limits.min, limits.max, spec.shape, spec.dtype, endpoint=True)


def _words(operator: Packed, spec: TensorSpec, rng: np.random.Generator) -> Array:
    channels, planes = _layout(operator, spec.name)
    padded = -(-channels // CHANNEL_ALIGNMENT) * CHANNEL_ALIGNMENT
    mask = np.tile(pack_bits(np.arange(padded) < channels), planes)
    words = rng.integers(-(2 ** (WORD_BITS - 1)), 2 ** (WORD_BITS - 1), spec.shape, np.int32)
    return words & mask


def _layout(operator: Packed, name: str) -> tuple[int, int]:
    """Channels and bit planes of a packed operand."""
    if isinstance(operator, PooledAttention):
        return (operator.value_channels, operator.value_bits) if name == "value" else (operator.key_channels, 1)
    conv = operator.as_conv2d() if isinstance(operator, Dense) else operator
    return (conv.in_channels, conv.activation_bits) if name == "x" else (conv.group_channels, conv.weight_bits)


_EPILOGUE = {
    *("mul", "add", "shift", "shortcut_mul", "rprelu_in", "rprelu_slope", "rprelu_out"),
    *("threshold", "code_mul", "code_add", "code_shift"),
}


def _range(operator: AccumulatingOperator, name: str) -> tuple[int, int]:
    """Least and greatest value of an epilogue parameter.

    The affine step uses the upper half of its 31 bits and shifts back to the int16 range, as a frozen layer does.
    """
    bound, scaled = operator.accumulator_bound(), operator.epilogue.affine == "scale"
    mul = max(1, 2**29 // bound)
    shift = max(0, math.ceil(math.log2(mul * bound)) - 13)
    # Accumulators that come near 2^31 leave little room: half of it to the addend, half to the shortcut or the codes.
    room = (2**31 - 1 - bound * (mul if scaled else 1)) // 2
    add = min(2**28 if scaled else bound // 2, room)
    value, reach = (2**15, 2**15) if scaled else (bound, bound + add)
    code_mul = max(1, 2**29 // value)
    codes = operator.epilogue.code_bits
    return {
        "mul": (max(1, mul // 2), mul),
        "add": (-add, add),
        "shift": (shift, shift),
        "shortcut_mul": (1, max(1, min(2 ** min(13, shift), room // 2**15))),
        "rprelu_in": (-1000, 1000),
        "rprelu_slope": (-SLOPE_LIMIT // 4, SLOPE_LIMIT),
        "rprelu_out": (-1000, 1000),
        "threshold": (max(INT16_MIN, -value // 4), min(INT16_MAX, value // 4)),
        "code_mul": (1, code_mul),
        "code_add": (0, min(2**28, 2**31 - 1 - code_mul * reach)),
        "code_shift": (max(0, 29 - codes), max(0, 29 - codes)),
    }[name]
