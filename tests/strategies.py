"""Random operators, and random arrays that fit them, for the tests of everything that computes an operator.

Nothing here packs or computes with the code under test: words are drawn as words and masked.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tvm_bnn.ops import (
    AccumulatingOperator,
    AvgPool2d,
    Bitpack,
    Conv2d,
    Dense,
    Epilogue,
    Labels,
    Operator,
    RealConv2d,
    TensorSpec,
    Upsample2x,
)
from tvm_bnn.ops.epilogue import SLOPE_LIMIT, Output

Array = NDArray[Any]
Pick = Callable[[str, st.SearchStrategy[Any]], Any]

LIGHT = settings(max_examples=25, deadline=None)
"""Few examples: a test that needs more asks for more."""

CHANNELS = (1, 31, 32, 33, 63, 64, 65, 127, 129)
"""Channel counts around the edges of words of every width."""

POLARITIES = ((True, True), (False, True), (True, False), (False, False))
"""(activation bipolar, weight bipolar)."""

PAD_VALUES: tuple[Literal["one", "zero"], ...] = ("one", "zero")

AFFINES: tuple[Literal["none", "bias", "scale"], ...] = ("none", "bias", "scale", "scale")
SCALED_OUTPUTS: tuple[Output, ...] = ("stream", "byte", "signs", "codes")
PLAIN_OUTPUTS: tuple[Output, ...] = ("accumulator", "signs", "codes")

FEW_CHANNELS = (1, 2, 5, 31, 32, 33, 64, 65)
INT32_MAX = 2**31 - 1

seeds = st.integers(0, 2**32 - 1)
"""Seeds for the arrays of an example."""


# Arrays


def word_mask(channels: int, planes: int = 1) -> NDArray[np.uint32]:
    """Words in which the bits of all real channels are set, the planes one after the other."""
    used = [min(max(channels - 32 * word, 0), 32) for word in range(2 * math.ceil(channels / 64))]
    return np.array([2**count - 1 for count in used] * planes, np.uint32)


def word_layout(operator: Conv2d | Dense, name: str) -> tuple[int, int]:
    """Channels and bit planes of the operand ``x`` or ``weight``."""
    convolution = operator.as_conv2d() if isinstance(operator, Dense) else operator
    if name == "x":
        return convolution.in_channels, convolution.activation_bits
    return convolution.group_channels, convolution.weight_bits


def filled_words(operator: Conv2d | Dense, name: str, code: int) -> Array:
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
    if isinstance(operator, Conv2d | Dense):
        return random_words(spec.shape, *word_layout(operator, spec.name), rng)
    return random_integers(spec.shape, spec.dtype, rng)


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


# Operators


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    """Two numbers, vertical and horizontal."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def epilogues(draw: st.DrawFn, channels: int) -> Epilogue:
    """Any epilogue of an accumulator with ``channels`` channels."""
    affine = draw(st.sampled_from(AFFINES))
    scaled = affine == "scale"
    allowed = SCALED_OUTPUTS if scaled else PLAIN_OUTPUTS
    outputs = tuple(draw(st.lists(st.sampled_from(allowed), min_size=1, unique=True)))
    return Epilogue(
        affine,
        shortcut_channels=draw(st.sampled_from([0, *_divisors(channels)])) if scaled else 0,
        rprelu=scaled and draw(st.booleans()),
        outputs=outputs,
        code_bits=draw(st.integers(1, 8)) if "codes" in outputs else 0,
    )


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def _picker(draw: st.DrawFn, fixed: dict[str, Any]) -> Pick:
    """Draws a field unless it is fixed."""
    return lambda name, strategy: fixed[name] if name in fixed else draw(strategy)


def _channels(pick: Pick, fixed: dict[str, Any]) -> dict[str, Any]:
    common = math.gcd(fixed.get("in_channels", 0), fixed.get("out_channels", 0))
    groups = pick("groups", st.sampled_from([count for count in (1, 1, 1, 2, 3, 8, 33) if common % count == 0]))

    def rounded_up(channels: int) -> int:
        return -(-channels // groups) * int(groups)

    return {
        "groups": groups,
        "in_channels": pick("in_channels", st.sampled_from(CHANNELS).map(rounded_up)),
        "out_channels": pick("out_channels", st.sampled_from(FEW_CHANNELS).map(rounded_up)),
    }


def _bits(pick: Pick) -> dict[str, Any]:
    return {
        "activation_bits": pick("activation_bits", st.sampled_from([1, 1, 1, *range(2, 9)])),
        "weight_bits": pick("weight_bits", st.sampled_from([1, 1, 2])),
        "activation_bipolar": pick("activation_bipolar", st.booleans()),
        "weight_bipolar": pick("weight_bipolar", st.booleans()),
    }


def _geometry(pick: Pick, dilations: st.SearchStrategy[tuple[int, int]]) -> dict[str, Any]:
    """A window and a map that it fits into; a size that is fixed must fit too."""
    kernel = pick("kernel", st.sampled_from([(1, 1), (3, 3), (5, 5), (1, 3), (3, 1), (2, 2)]))
    dilation, padding = pick("dilation", dilations), pick("padding", pairs(0, 3))
    least = [max(1, (kernel[axis] - 1) * dilation[axis] + 1 - 2 * padding[axis]) for axis in (0, 1)]
    sizes = [pick(name, st.integers(low, low + 4)) for name, low in zip(("height", "width"), least, strict=True)]
    assume(sizes[0] >= least[0] and sizes[1] >= least[1])
    return {
        "height": sizes[0],
        "width": sizes[1],
        "kernel": kernel,
        "stride": pick("stride", pairs(1, 3)),
        "dilation": dilation,
        "padding": padding,
    }


@st.composite
def conv2ds(draw: st.DrawFn, /, **fixed: Any) -> Conv2d:
    """Any small convolution on bits; ``fixed`` gives the fields that are not to vary."""
    pick = _picker(draw, fixed)
    fields = {"batch": pick("batch", st.integers(1, 2)), "pad_value": pick("pad_value", st.sampled_from(PAD_VALUES))}
    fields |= _channels(pick, fixed) | _bits(pick) | _geometry(pick, pairs(1, 3))
    fields["epilogue"] = pick("epilogue", epilogues(fields["out_channels"]))
    return Conv2d(**fields)


@st.composite
def denses(draw: st.DrawFn, /, **fixed: Any) -> Dense:
    """Any small dense layer on bits."""
    pick = _picker(draw, fixed)
    fields = {
        "rows": pick("rows", st.integers(1, 7)),
        "in_features": pick("in_features", st.sampled_from(CHANNELS)),
        "out_features": pick("out_features", st.sampled_from(FEW_CHANNELS)),
    }
    fields |= _bits(pick)
    fields["epilogue"] = pick("epilogue", epilogues(fields["out_features"]))
    return Dense(**fields)


@st.composite
def real_conv2ds(draw: st.DrawFn, /, **fixed: Any) -> RealConv2d:
    """Any small convolution of integers."""
    pick = _picker(draw, fixed)
    fields = {
        "batch": pick("batch", st.integers(1, 2)),
        "in_channels": pick("in_channels", st.sampled_from([1, 2, 3, 7, 17])),
        "out_channels": pick("out_channels", st.sampled_from(FEW_CHANNELS)),
        "input_dtype": pick("input_dtype", st.sampled_from(["uint8", "int16"])),
    }
    fields |= _geometry(pick, st.just((1, 1)))
    del fields["dilation"]
    fields["epilogue"] = pick("epilogue", epilogues(fields["out_channels"]))
    return RealConv2d(**fields)


def _stream(pick: Pick, least: int = 1) -> dict[str, Any]:
    fields = {
        "batch": pick("batch", st.integers(1, 2)),
        "height": pick("height", st.integers(least, least + 5)),
        "width": pick("width", st.integers(least, least + 5)),
        "channels": pick("channels", st.sampled_from(FEW_CHANNELS)),
    }
    return fields | {"epilogue": pick("epilogue", epilogues(fields["channels"]))}


@st.composite
def upsamples(draw: st.DrawFn, /, **fixed: Any) -> Upsample2x:
    """Any small upsampling."""
    return Upsample2x(**_stream(_picker(draw, fixed)))


@st.composite
def avg_pools(draw: st.DrawFn, /, **fixed: Any) -> AvgPool2d:
    """Any small pooling; its last rows and columns may not fill a window."""
    pick = _picker(draw, fixed)
    kernel = pick("kernel", st.integers(1, 4))
    return AvgPool2d(**_stream(pick, kernel), kernel=kernel)


@st.composite
def bitpacks(draw: st.DrawFn, /, **fixed: Any) -> Bitpack:
    """Any small packing of a stream or of bytes."""
    pick = _picker(draw, fixed)
    return Bitpack(**_stream(pick), input_dtype=pick("input_dtype", st.sampled_from(["int16", "uint8"])))


@st.composite
def label_maps(draw: st.DrawFn, /, **fixed: Any) -> Labels:
    """Any small map of labels."""
    pick = _picker(draw, fixed)
    return Labels(
        batch=pick("batch", st.integers(1, 2)),
        height=pick("height", st.integers(1, 4)),
        width=pick("width", st.integers(1, 4)),
        classes=pick("classes", st.sampled_from([2, 3, 5, 19])),
        factor=pick("factor", st.sampled_from([1, 2, 4, 8, 16])),
    )


BY_KIND: dict[str, st.SearchStrategy[Operator]] = {
    "conv2d": conv2ds(),
    "dense": denses(),
    "real_conv2d": real_conv2ds(),
    "upsample2x": upsamples(),
    "avg_pool2d": avg_pools(),
    "bitpack": bitpacks(),
    "labels": label_maps(),
}
"""Any small operator of each kind."""


def operators() -> st.SearchStrategy[Operator]:
    """Any small operator of any kind."""
    return st.one_of(list(BY_KIND.values()))


# The corners of a convolution, one by one

ACCUMULATOR = Epilogue("none", outputs=("accumulator",))
BIAS = Epilogue("bias", outputs=("accumulator",))

ODD_CONVS = (
    # one bit, an even walk over sizes, strides, dilations and epilogues
    Conv2d(1, 1, 1, 1, 1, kernel=(1, 1), padding=(0, 0), epilogue=ACCUMULATOR),
    Conv2d(1, 5, 7, 31, 5, epilogue=BIAS),
    Conv2d(2, 6, 5, 32, 33, stride=(2, 2), pad_value="zero"),
    Conv2d(
        *(1, 7, 7, 33, 64),
        dilation=(2, 2),
        padding=(2, 2),
        pad_value="zero",
        epilogue=Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs")),
    ),
    Conv2d(1, 9, 8, 63, 65, dilation=(3, 3), padding=(3, 3), epilogue=Epilogue("bias", outputs=("signs",))),
    Conv2d(1, 5, 6, 64, 128, epilogue=Epilogue(shortcut_channels=64, rprelu=True, outputs=("signs", "stream"))),
    Conv2d(1, 4, 9, 65, 32, kernel=(1, 3), padding=(0, 1), pad_value="zero", epilogue=Epilogue(outputs=("byte",))),
    Conv2d(
        *(1, 7, 6, 127, 31),
        kernel=(5, 5),
        padding=(2, 2),
        epilogue=Epilogue(rprelu=True, outputs=("codes",), code_bits=4),
    ),
    Conv2d(
        *(1, 5, 5, 129, 63),
        kernel=(1, 1),
        stride=(2, 2),
        padding=(0, 0),
        epilogue=Epilogue(shortcut_channels=21, outputs=("codes", "byte", "signs", "stream"), code_bits=8),
    ),
    # windows that see nothing but padding
    Conv2d(1, 2, 3, 64, 8, kernel=(1, 1), padding=(1, 2), epilogue=ACCUMULATOR),
    Conv2d(1, 1, 2, 33, 8, padding=(3, 3), pad_value="zero", epilogue=BIAS),
    # groups: three in a word, one across words, depthwise, two outputs a channel, whole words
    Conv2d(1, 5, 5, 24, 12, groups=3, pad_value="zero", epilogue=Epilogue("none", outputs=("signs",))),
    Conv2d(1, 4, 5, 66, 6, groups=2, epilogue=Epilogue("none", outputs=("accumulator", "signs"))),
    Conv2d(1, 5, 6, 65, 65, groups=65, epilogue=Epilogue(shortcut_channels=65)),
    Conv2d(1, 7, 5, 33, 66, groups=33, stride=(2, 2), pad_value="zero", epilogue=Epilogue(shortcut_channels=33)),
    Conv2d(1, 5, 3, 128, 64, groups=2, epilogue=Epilogue(outputs=("stream", "signs"))),
    # one bit of other polarity
    Conv2d(1, 5, 5, 65, 7, activation_bipolar=False, pad_value="zero", epilogue=ACCUMULATOR),
    Conv2d(
        *(1, 8, 7, 33, 9),
        stride=(1, 2),
        dilation=(1, 2),
        padding=(2, 0),
        pad_value="zero",
        weight_bipolar=False,
        epilogue=BIAS,
    ),
    Conv2d(1, 3, 3, 127, 2, activation_bipolar=False, weight_bipolar=False, epilogue=ACCUMULATOR),
    # bit-serial: every number of bits, the polarities in turn
    Conv2d(1, 5, 4, 33, 8, activation_bits=2, activation_bipolar=False, pad_value="zero"),
    Conv2d(1, 4, 5, 65, 8, activation_bits=3, weight_bits=2, pad_value="zero", epilogue=ACCUMULATOR),
    Conv2d(1, 5, 5, 31, 8, activation_bits=4, weight_bipolar=False, epilogue=BIAS),
    Conv2d(
        *(1, 4, 4, 64, 33),
        activation_bits=5,
        weight_bits=2,
        activation_bipolar=False,
        weight_bipolar=False,
        epilogue=Epilogue("bias", outputs=("codes", "accumulator"), code_bits=3),
    ),
    Conv2d(
        *(1, 6, 6, 40, 6),
        groups=2,
        dilation=(2, 2),
        padding=(2, 2),
        pad_value="zero",
        activation_bits=6,
        activation_bipolar=False,
        epilogue=Epilogue("none", outputs=("codes",), code_bits=2),
    ),
    Conv2d(
        *(1, 5, 6, 63, 5),
        stride=(2, 1),
        pad_value="zero",
        activation_bits=7,
        weight_bits=2,
        weight_bipolar=False,
        epilogue=Epilogue(rprelu=True),
    ),
    Conv2d(
        *(1, 9, 11, 3, 32),
        stride=(2, 2),
        pad_value="zero",
        activation_bits=8,
        activation_bipolar=False,
        epilogue=Epilogue(outputs=("stream", "signs")),
    ),
    Conv2d(1, 5, 5, 129, 3, kernel=(5, 5), padding=(2, 2), activation_bits=8, weight_bits=2, epilogue=ACCUMULATOR),
)
"""Convolutions that go wrong first: every lowering is held against them."""
