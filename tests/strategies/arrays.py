"""Random arrays that fit an operator.

Nothing here packs or computes with the code under test: words are drawn as words and masked.
"""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tvm_bnn.ops import AccumulatingOperator, Conv2d, Dense, Epilogue, Operator, PooledAttention, TensorSpec
from tvm_bnn.ops.epilogue import SLOPE_LIMIT

Array = NDArray[Any]

INT32_MAX = 2**31 - 1

seeds = st.integers(0, 2**32 - 1)
"""Seeds for the arrays of an example."""


def word_mask(channels: int, planes: int = 1) -> NDArray[np.uint32]:
    """Words in which the bits of all real channels are set, the planes one after the other."""
    used = [min(max(channels - 32 * word, 0), 32) for word in range(2 * math.ceil(channels / 64))]
    return np.array([2**count - 1 for count in used] * planes, np.uint32)


Packed = Conv2d | Dense | PooledAttention
"""Operators with operands in words."""

PACKED_NAMES = ("x", "weight", "query", "key", "value")
"""Their operands in words."""


def word_layout(operator: Packed, name: str) -> tuple[int, int]:
    """Channels and bit planes of a packed operand."""
    if isinstance(operator, PooledAttention):
        return (operator.value_channels, operator.value_bits) if name == "value" else (operator.key_channels, 1)
    convolution = operator.as_conv2d() if isinstance(operator, Dense) else operator
    if name == "x":
        return convolution.in_channels, convolution.activation_bits
    return convolution.group_channels, convolution.weight_bits


def filled_words(operator: Packed, name: str, code: int) -> Array:
    """The operand ``name`` with every real channel at ``code``."""
    (spec,) = (spec for spec in operator.operands() if spec.name == name)
    channels, planes = word_layout(operator, name)
    chosen = [word_mask(channels) * np.uint32(code >> plane & 1) for plane in range(planes)]
    return np.array(np.broadcast_to(np.concatenate(chosen), spec.shape)).view(np.int32)


def random_words(shape: tuple[int, ...], channels: int, planes: int, rng: np.random.Generator) -> Array:
    """Words with zero padding bits; the share of ones varies from pixel to pixel."""
    words = rng.integers(0, 2**32, shape, np.uint32)
    others = rng.integers(0, 2**32, shape, np.uint32)
    lean = rng.integers(0, 4, (*shape[:-1], 1))
    mixed = np.where(lean == 0, words & others, np.where(lean == 1, words | others, words))
    return (mixed & word_mask(channels, planes)).astype(np.uint32).view(np.int32)


def random_integers(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Array:
    """Integers over the whole range of ``dtype``, its limits often among them."""
    limits = np.iinfo(dtype)
    values = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    ends = rng.choice(np.array([limits.min, limits.max], dtype), shape)
    return np.where(rng.random(shape) < 0.1, ends, values)


def random_inputs(operator: Operator, rng: np.random.Generator) -> list[Array]:
    """Arrays that match ``operator.inputs()``; its parameters pass ``check_parameters``."""
    if not isinstance(operator, AccumulatingOperator):
        return [random_integers(spec.shape, spec.dtype, rng) for spec in operator.inputs()]
    operands = {spec.name: _operand(operator, spec, rng) for spec in operator.operands()}
    finishing = random_epilogue_inputs(
        operator.epilogue, operator.accumulator_shape(), operator.accumulator_bound(), rng
    )
    named = operands | finishing
    return [named[spec.name] for spec in operator.inputs()]


def by_name(operator: Operator, inputs: list[Array]) -> dict[str, Array]:
    """Inputs by the names of their specs."""
    return {spec.name: array for spec, array in zip(operator.inputs(), inputs, strict=True)}


def _operand(operator: AccumulatingOperator, spec: TensorSpec, rng: np.random.Generator) -> Array:
    if isinstance(operator, Packed) and spec.name in PACKED_NAMES:
        return random_words(spec.shape, *word_layout(operator, spec.name), rng)
    if isinstance(operator, PooledAttention) and rng.random() < 0.5:
        return random_decay(spec.shape[0], rng)
    return random_integers(spec.shape, spec.dtype, rng)


def random_decay(length: int, rng: np.random.Generator) -> Array:
    """A table of weights that fall with the distance, slowly or at once."""
    return (255 * np.exp(-(10 ** rng.uniform(-3, 1)) * np.arange(length))).astype(np.uint8)


def random_epilogue_inputs(
    epilogue: Epilogue, shape: tuple[int, ...], bound: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Inputs of an epilogue by name, for accumulators of ``shape`` and magnitude up to ``bound``."""
    ranges = _scale_ranges(bound) if epilogue.affine == "scale" else _plain_ranges(bound)
    ranges |= _code_ranges(epilogue.code_bits, ranges["z"][1])

    def draw(spec: TensorSpec) -> Array:
        if spec.name == "shortcut":
            return random_integers(spec.shape, spec.dtype, rng)
        low, high = ranges[spec.name]
        if spec.name.endswith("shift"):
            return rng.integers(low, high, spec.shape, np.int32, endpoint=True)
        return _spread(spec.shape, low, high, rng).astype(spec.dtype)

    return {spec.name: draw(spec) for spec in epilogue.inputs(shape)}


Ranges = dict[str, tuple[int, int]]
"""Least and greatest magnitude of a parameter; of a shift, the least and the greatest."""


def _scale_ranges(bound: int) -> Ranges:
    mul = max(1, 2**29 // bound)
    room = INT32_MAX - mul * bound
    shortcut = min(2**14, room // 2**16)
    return {
        "mul": (mul // 16, mul),
        "add": (0, min(2**28, room // 2)),
        "shortcut_mul": (shortcut // 16, shortcut),
        "shift": _shifts(mul * bound, 10, 20),
        "rprelu_in": (0, 2**15 - 1),
        "rprelu_slope": (64, SLOPE_LIMIT),
        "rprelu_out": (0, 2**15 - 1),
        "threshold": (0, 2**15 - 1),
        "z": (0, 2**15),
    }


def _plain_ranges(bound: int) -> Ranges:
    add = min(bound, INT32_MAX - bound)
    return {"add": (0, add), "threshold": (0, bound), "z": (0, bound + add)}


def _code_ranges(bits: int, bound: int) -> Ranges:
    mul = max(1, 2**29 // bound)
    return {
        "code_mul": (mul // 16, mul),
        "code_add": (0, min(2**28, INT32_MAX - mul * bound)),
        "code_shift": _shifts(mul * bound, bits, bits + 6),
    }


def _shifts(largest: int, fewest_bits: int, most_bits: int) -> tuple[int, int]:
    """Shifts that leave between ``fewest_bits`` and ``most_bits`` bits of numbers up to ``largest``."""
    width = largest.bit_length()
    return max(width - most_bits, 0), max(width - fewest_bits, 0)


def _spread(shape: tuple[int, ...], low: int, high: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of either sign whose magnitudes spread evenly over the octaves from ``low`` to ``high``; both occur."""
    octaves = math.log2(max(high, 1) / max(low, 1))
    magnitudes = np.ceil(high * 2 ** (-octaves * rng.random(shape))).astype(np.int64)
    ends = rng.choice(np.array([low, high]), shape)
    return rng.choice(np.array([-1, 1]), shape) * np.where(rng.random(shape) < 0.1, ends, magnitudes)
