"""The one builder of fused epilogues: the arithmetic of :mod:`tvm_bnn.ops.epilogue` as tensor expressions.

Stages are named for the spaces: ``value`` is z as int16 (int32 where nothing saturates) over [..., C]; every other
output is a stage of its own that reads ``value`` and bears the name of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tvm_bnn._tvm import dtype_cast, te, tirx
from tvm_bnn.lowering.fixed_point import high_product, saturating_difference, saturating_sum
from tvm_bnn.lowering.sign_words import sign_bits, sign_word
from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, WORD_BITS, words_for
from tvm_bnn.ops.epilogue import INT16_MAX, INT16_MIN, RPRELU_PARAMETERS, Epilogue
from tvm_bnn.targets import Target

Expr = Any
Tensors = Mapping[str, Any]

_OCTET = 8


def finish(
    operator: AccumulatingOperator,
    target: Target,
    accumulator: Callable[..., Expr],
    tensors: Tensors,
    offset: Callable[..., Expr] | None = None,
    *,
    by_octets: bool = False,
) -> list[Any]:
    """Output tensors, in the order of the epilogue.

    Args:
        operator: whose epilogue it is.
        target: that computes it.
        accumulator: int32 by index.
        tensors: by name.
        offset: int32 by index that is added to ``add`` of an affine step ``scale``.
        by_octets: whether signs are written as bytes [..., C / 8], the same memory, since no thread of a GPU has all
            channels of a word; they are whole words then.
    """
    epilogue, shape = operator.epilogue, operator.accumulator_shape()

    def value_at(*index: Expr) -> Expr:
        z = dtype_cast(epilogue.value_dtype, _affine(epilogue, accumulator(*index), index, tensors, offset))
        return _activated(z, index[-1], tensors, target) if epilogue.rprelu else z

    value = te.compute(shape, value_at, "value")
    outputs = {name: _output(name, epilogue, shape, value, tensors, target) for name in epilogue.outputs}
    if by_octets and "signs" in outputs:
        outputs["signs"] = _sign_octets(shape, value, tensors["threshold"])
    return list(outputs.values())


def _affine(
    epilogue: Epilogue,
    accumulator: Expr,
    index: tuple[Expr, ...],
    tensors: Tensors,
    offset: Callable[..., Expr] | None,
) -> Expr:
    channel = index[-1]
    if epilogue.affine == "none":
        return accumulator
    if epilogue.affine == "bias":
        return accumulator + tensors["add"][channel]
    total = accumulator * tensors["mul"][channel] + tensors["add"][channel]
    if offset is not None:
        total = total + offset(*index)
    if epilogue.shortcut_channels:
        shortcut = tensors["shortcut"][(*index[:-1], channel % epilogue.shortcut_channels)]
        total = total + dtype_cast("int32", shortcut) * tensors["shortcut_mul"][channel]
    return _saturate(total >> tensors["shift"][channel])


def _activated(value: Expr, channel: Expr, tensors: Tensors, target: Target) -> Expr:
    knee, slope, offset = (tensors[name][channel] for name in RPRELU_PARAMETERS)
    distance = saturating_difference(value, knee)
    return saturating_sum(te.max(distance, high_product(distance, slope, target)), offset)


def _saturate(value: Expr) -> Expr:
    return te.max(te.min(value, tirx.const(INT16_MAX, "int32")), tirx.const(INT16_MIN, "int32"))


def _output(name: str, epilogue: Epilogue, shape: tuple[int, ...], value: Any, tensors: Tensors, target: Target) -> Any:
    if name in ("stream", "accumulator"):
        return value
    if name == "byte":
        limited = te.compute(shape, lambda *i: dtype_cast("uint8", te.max(te.min(value[i], 255), 0)), "byte")
        return limited
    if name == "codes":
        return _codes(epilogue.code_bits, shape, value, tensors)
    return _signs(shape, value, tensors["threshold"], target)


def _signs(shape: tuple[int, ...], value: Any, threshold: Any, target: Target) -> Any:
    channels = shape[-1]
    if channels % CHANNEL_ALIGNMENT == 0:
        packed = (*shape[:-1], words_for(channels))
        return te.compute(packed, lambda *i: sign_word(value, threshold, i[-1] * WORD_BITS, target, i[:-1]), "signs")
    return _gather_bits("signs", shape, 1, lambda index, _: value[index] >= threshold[index[-1]])


def _sign_octets(shape: tuple[int, ...], value: Any, threshold: Any) -> Any:
    """The bytes of the words of whole groups of channels."""

    def octet(*index: Expr) -> Expr:
        return dtype_cast("uint8", sign_bits(value, threshold, index[-1] * _OCTET, _OCTET, index[:-1]))

    return te.compute((*shape[:-1], shape[-1] // _OCTET), octet, "signs")


def _codes(bits: int, shape: tuple[int, ...], value: Any, tensors: Tensors) -> Any:
    def code(*index: Expr) -> Expr:
        channel = index[-1]
        scaled = dtype_cast("int32", value[index]) * tensors["code_mul"][channel] + tensors["code_add"][channel]
        return te.max(te.min(scaled >> tensors["code_shift"][channel], 2**bits - 1), 0)

    levels = te.compute(shape, code, "levels")
    return _gather_bits("codes", shape, bits, lambda index, plane: (levels[index] >> plane) % 2 == 1)


def _gather_bits(name: str, shape: tuple[int, ...], planes: int, bit: Callable[[Any, Expr], Expr]) -> Any:
    """Packed words [..., planes * words_for(C)] of any channel count, bit by bit."""
    channels, words = shape[-1], words_for(shape[-1])
    position = te.reduce_axis((0, WORD_BITS), "bit")

    def word(*index: Expr) -> Expr:
        channel = index[-1] % words * WORD_BITS + position
        inside = te.min(channel, channels - 1)
        is_set = tirx.all(channel < channels, bit((*index[:-1], inside), index[-1] // words))
        weight = tirx.const(1, "uint32") << dtype_cast("uint32", position)
        return te.sum(dtype_cast("int32", tirx.Select(is_set, weight, tirx.const(0, "uint32"))), axis=position)

    return te.compute((*shape[:-1], planes * words), word, name)
