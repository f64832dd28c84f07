"""What the operators mean, said a second time and as plainly as can be: loops, Python integers, torch in float64."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.strategies import by_name
from tvm_bnn.ops import AccumulatingOperator, Conv2d, Epilogue
from tvm_bnn.ops.window import Window

Array = NDArray[Any]
Integers = NDArray[np.int64]
Parameters = Mapping[str, int]


def assert_same(actual: Array, expected: Array) -> None:
    """Same shape, same dtype, same numbers."""
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(actual, expected)


# Bits


def plain_pack(codes: Array, bits: int = 1) -> NDArray[np.int32]:
    """Codes [..., C] to words, one bit of one channel after the other."""
    channels = codes.shape[-1]
    words = 2 * math.ceil(channels / 64)
    packed = np.zeros((*codes.shape[:-1], bits * words), np.uint32)
    for plane in range(bits):
        for channel in range(channels):
            bit = (codes[..., channel].astype(np.uint32) >> np.uint32(plane)) & np.uint32(1)
            packed[..., plane * words + channel // 32] |= bit << np.uint32(channel % 32)
    return packed.view(np.int32)


def plain_bits(words: Array, channels: int) -> Integers:
    """Words of one plane [..., W] to 0 and 1 [..., channels]."""
    unsigned = words.view(np.uint32).astype(np.int64)
    return np.stack([unsigned[..., channel // 32] >> channel % 32 & 1 for channel in range(channels)], axis=-1)


def plain_values(words: Array, channels: int, bits: int, *, bipolar: bool) -> Integers:
    """The integers that packed planes stand for: sum of 2^plane times the digit of the plane."""
    width = words.shape[-1] // bits
    planes = [plain_bits(words[..., plane * width : (plane + 1) * width], channels) for plane in range(bits)]
    total = np.zeros_like(planes[0])
    for plane, bit in enumerate(planes):
        total += 2**plane * (np.where(bit == 1, 1, -1) if bipolar else bit)
    return total


# Convolutions


def correlate(values: Array, kernels: Array, window: Window, fill: int = 0, groups: int = 1) -> NDArray[np.int32]:
    """Convolve NHWC ``values`` with OHWI ``kernels`` by torch; float64 is exact for the integers at hand."""
    vertical, horizontal = window.padding
    maps = torch.from_numpy(np.moveaxis(values, -1, 1).astype(np.float64))
    padded = torch.nn.functional.pad(maps, (horizontal, horizontal, vertical, vertical), value=fill)
    weights = torch.from_numpy(np.moveaxis(kernels, -1, 1).astype(np.float64))
    result = torch.nn.functional.conv2d(padded, weights, None, window.stride, 0, window.dilation, groups)
    return np.ascontiguousarray(np.moveaxis(result.numpy(), 1, -1)).astype(np.int32)


def conv2d_values(operator: Conv2d, x: Array, weight: Array) -> tuple[Integers, Integers]:
    """Packed operands as integers: NHWC and OHWI."""
    bipolar = operator.activation_bipolar, operator.weight_bipolar
    values = plain_values(x, operator.in_channels, operator.activation_bits, bipolar=bipolar[0])
    channels = operator.in_channels // operator.groups
    return values, plain_values(weight, channels, operator.weight_bits, bipolar=bipolar[1])


def pad_number(operator: Conv2d) -> int:
    """What a tap outside the map counts as: all bits set, or exactly nothing."""
    return sum(2**plane for plane in range(operator.activation_bits)) if operator.pad_value == "one" else 0


def conv2d_accumulator(operator: Conv2d, x: Array, weight: Array) -> NDArray[np.int32]:
    """The accumulator of a convolution on bits, by torch."""
    values, kernels = conv2d_values(operator, x, weight)
    return correlate(values, kernels, operator.window, pad_number(operator), operator.groups)


# The epilogue, element by element


def fits32(number: int) -> int:
    """The number, which no 32-bit register may wrap."""
    assert -(2**31) <= number < 2**31, f"{number} leaves 32 bits"
    return number


def clamp(number: int, low: int, high: int) -> int:
    """The number between two limits."""
    return low if number < low else high if number > high else number


def sat16(number: int) -> int:
    """The nearest 16-bit integer."""
    return clamp(number, -32768, 32767)


def affine(epilogue: Epilogue, accumulator: int, shortcut: int, p: Parameters) -> int:
    """The first step."""
    if epilogue.affine == "none":
        return accumulator
    if epilogue.affine == "bias":
        return fits32(accumulator + p["add"])
    total = fits32(accumulator * p["mul"])
    if epilogue.shortcut_channels:
        total = fits32(total + fits32(shortcut * p["shortcut_mul"]))
    return sat16(fits32(total + p["add"]) // 2 ** p["shift"])


def rprelu(number: int, p: Parameters) -> int:
    """Identity above the knee, a slope below, an offset behind."""
    distance = sat16(number - p["rprelu_in"])
    if distance <= 0:
        distance = fits32(fits32(distance * p["rprelu_slope"]) + 2**14) // 2**15
    return sat16(fits32(distance + p["rprelu_out"]))


def code(epilogue: Epilogue, number: int, p: Parameters) -> int:
    """The unsigned code of a number."""
    shifted = fits32(fits32(number * p["code_mul"]) + p["code_add"]) // 2 ** p["code_shift"]
    return clamp(shifted, 0, 2**epilogue.code_bits - 1)


def each(function: Callable[[int, Parameters], int], values: Array, parameters: list[Parameters]) -> Integers:
    """``function`` of every value and the parameters of its channel."""
    channels = len(parameters)
    results = [function(value, parameters[i % channels]) for i, value in enumerate(values.ravel().tolist())]
    return np.array(results, np.int64).reshape(values.shape)


def finish(epilogue: Epilogue, accumulator: Array, named: Mapping[str, Array]) -> list[Array]:
    """All outputs of the epilogue."""
    parameters = _by_channel(epilogue, accumulator.shape, named)
    shortcut = _spread_shortcut(epilogue, accumulator.shape, named)
    streams = iter(shortcut.ravel().tolist())
    values = each(lambda number, p: affine(epilogue, number, next(streams), p), accumulator, parameters)
    if epilogue.rprelu:
        values = each(rprelu, values, parameters)
    return [_written(epilogue, name, values, parameters) for name in epilogue.outputs]


def _by_channel(epilogue: Epilogue, shape: tuple[int, ...], named: Mapping[str, Array]) -> list[Parameters]:
    names = [spec.name for spec in epilogue.inputs(shape) if spec.role == "parameter"]
    return [{name: int(named[name][channel]) for name in names} for channel in range(shape[-1])]


def _spread_shortcut(epilogue: Epilogue, shape: tuple[int, ...], named: Mapping[str, Array]) -> Integers:
    """The stream that is added to every element."""
    spread = np.zeros(shape, np.int64)
    for channel in range(shape[-1]) if epilogue.shortcut_channels else ():
        spread[..., channel] = named["shortcut"][..., channel % epilogue.shortcut_channels]
    return spread


def _written(epilogue: Epilogue, name: str, values: Integers, parameters: list[Parameters]) -> Array:
    if name == "signs":
        return plain_pack(each(lambda number, p: int(number >= p["threshold"]), values, parameters))
    if name == "codes":
        return plain_pack(each(lambda number, p: code(epilogue, number, p), values, parameters), epilogue.code_bits)
    if name == "byte":
        return each(lambda number, p: clamp(number, 0, 255), values, parameters).astype(np.uint8)
    return values.astype({"stream": np.int16, "accumulator": np.int32}[name])


def assert_reference(operator: AccumulatingOperator, inputs: list[Array], accumulator: Array) -> None:
    """The operator yields ``accumulator`` from ``inputs``, within its bound, and finishes it by the definition."""
    named = by_name(operator, inputs)
    assert_same(operator.accumulate(*(named[spec.name] for spec in operator.operands())), accumulator)
    assert np.abs(accumulator.astype(np.int64)).max() <= operator.accumulator_bound()
    for actual, expected in zip(
        operator.reference(*inputs), finish(operator.epilogue, accumulator, named), strict=True
    ):
        assert_same(actual, expected)
