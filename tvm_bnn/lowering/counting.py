"""How the popcount lowerings finish: the constants of their algebra are folded into the epilogue's parameters.

With the accumulator ``base + correction + factor * count`` of :mod:`tvm_bnn.lowering.popcount`, and the count that a
kernel has in its registers:

- ``scale``: ``acc * mul + add`` is ``count * (factor mul) + (base mul + add) + correction mul``: the same two
  instructions as with the accumulator itself. Counts run to twice the bound of their sum; ``freeze`` leaves that much
  room in 32 bits.
- Where signs are all that is written (no shortcut, no RPReLU) every step before them is monotone in the count, so a
  bit is ``(count >= limit) ^ flip``: one comparison. With m = factor mul and R = threshold 2^shift - add -
  (base + correction) mul the bit is ``count m >= R``: for m > 0 the limit is ceil(R / m); for m < 0 it is
  floor(R / m) + 1, flipped; for m = 0 the bit does not depend on the count.
- Otherwise the accumulator is put together as it is written above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tvm_bnn._tvm import dtype_cast, te
from tvm_bnn.lowering import popcount
from tvm_bnn.lowering.base import Array, Tensors, canonical_parameters
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.sign_words import sign_word
from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT, WORD_BITS, pack_bits, words_for
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.epilogue import INT16_MAX, INT16_MIN
from tvm_bnn.ops.tensors import TensorSpec
from tvm_bnn.targets import Target

Expr = Any


def compares_counts(conv: Conv2d) -> bool:
    """Whether counts are compared with limits and nothing else is done to them."""
    epilogue = conv.epilogue
    plain = not epilogue.shortcut_channels and not epilogue.rprelu
    return epilogue.outputs == ("signs",) and plain and conv.out_channels % CHANNEL_ALIGNMENT == 0


def count_dtype(conv: Conv2d) -> str:
    """The narrowest type of whole lanes that holds every count, and a limit beyond them all."""
    return "int16" if conv.accumulator_bound() < INT16_MAX else "int32"


def parameters(conv: Conv2d, dtype: str = "int32") -> tuple[TensorSpec, ...]:
    """What follows the weights in calling order; limits of the type that counts are compared in."""
    classes = popcount.correction_shape(conv)[:2] if popcount.needs_correction(conv) else ()
    limits = (*classes, conv.out_channels)
    if compares_counts(conv):
        limit = TensorSpec("limit", limits, dtype, "parameter")
        return (limit, *_specs(("flip", (words_for(conv.out_channels),))))
    rest = tuple(spec for spec in canonical_parameters(conv) if spec.name != "weight")
    base = [] if conv.epilogue.affine == "scale" else [("base", (conv.out_channels,))]
    return (*_specs(*base, *([("correction", limits)] if classes else [])), *rest)


def _specs(*entries: tuple[str, tuple[int, ...]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, shape, "int32", "parameter") for name, shape in entries)


def pack(conv: Conv2d, canonical: Mapping[str, Array], dtype: str = "int32") -> dict[str, Array]:
    """The arrays of :func:`parameters`, and whatever else was canonical, from canonical parameters."""
    weight = canonical["weight"].reshape(conv.out_channels, *conv.kernel, -1)
    base = popcount.base(conv, weight)
    correction = popcount.correction(conv, weight) if popcount.needs_correction(conv) else None
    if compares_counts(conv):
        return {**canonical, **_limits(conv, canonical, base if correction is None else base + correction, dtype)}
    folded = {"base": base} if conv.epilogue.affine != "scale" else _scaled(conv, canonical, base)
    if correction is not None:
        mul = canonical["mul"] if conv.epilogue.affine == "scale" else np.int32(1)
        folded["correction"] = correction * mul
    return {**canonical, **folded}


def _scaled(conv: Conv2d, canonical: Mapping[str, Array], base: Array) -> dict[str, Array]:
    mul = canonical["mul"]
    return {"mul": mul * np.int32(popcount.factor(conv)), "add": canonical["add"] + base * mul}


def _limits(conv: Conv2d, canonical: Mapping[str, Array], base: Array, dtype: str) -> dict[str, Array]:
    """``limit`` of the shape of ``base`` [..., O] and ``flip`` int32 [O / 32]."""
    none = np.zeros(conv.out_channels, np.int32)
    named: dict[str, Array] = {"mul": none + 1, "add": none, "shift": none, **canonical}
    mul, add, shift = (named[name].astype(np.int64) for name in ("mul", "add", "shift"))
    threshold = canonical["threshold"].astype(np.int64)
    least = (threshold << shift) - add - base * mul
    step = mul * popcount.factor(conv)
    safe = np.where(step == 0, 1, step)
    limit = np.where(step > 0, -(-least // safe), least // safe + 1)
    flip = step < 0
    # Without a slope the bit is one and the same for every count, and counts are never negative.
    always = (step == 0) & (least <= 0)
    if conv.epilogue.affine == "scale":
        always |= threshold == INT16_MIN
    never = (step == 0) & ~always
    # Of the classes of the border each may be decided alone, the flip is theirs together.
    most = np.iinfo(dtype).max
    limit = np.where(always, np.where(flip, most, 0), np.where(never, most, limit))
    return {"limit": np.clip(limit, 0, most).astype(dtype), "flip": pack_bits(flip)}


def outputs(conv: Conv2d, target: Target, count: Callable[..., Expr], tensors: Tensors) -> list[Any]:
    """The outputs of ``conv`` from ``count(n, h, w, channel)`` int32."""
    return finished(conv, conv, target, count, lambda n, h, w, c: (n, h, w, c), tensors)


def finished(
    operator: AccumulatingOperator,
    conv: Conv2d,
    target: Target,
    count: Callable[..., Expr],
    place: Callable[..., tuple[Expr, ...]],
    tensors: Tensors,
) -> list[Any]:
    """The outputs of an operator that does the work of ``conv``; ``place`` maps its indices to (n, h, w, channel)."""
    if compares_counts(conv):
        return [_compared(operator, conv, target, count, place, tensors)]
    corrected = popcount.needs_correction(conv)

    def correction(*index: Expr) -> Expr:
        _, h, w, channel = place(*index)
        return tensors["correction"][(*_classes(conv, h, w), channel)]

    if conv.epilogue.affine == "scale":
        offset = correction if corrected else None
        return finish(operator, target, lambda *index: count(*place(*index)), tensors, offset)

    def accumulator(*index: Expr) -> Expr:
        total = tensors["base"][index[-1]] + popcount.factor(conv) * count(*place(*index))
        return total + correction(*index) if corrected else total

    return finish(operator, target, accumulator, tensors)


def _classes(conv: Conv2d, h: Expr, w: Expr) -> tuple[Expr, Expr]:
    return popcount.border_class(conv, 0, h), popcount.border_class(conv, 1, w)


def _compared(
    operator: AccumulatingOperator,
    conv: Conv2d,
    target: Target,
    count: Any,
    place: Callable[..., tuple[Expr, ...]],
    tensors: Tensors,
) -> Any:
    shape, dtype = operator.accumulator_shape(), str(tensors["limit"].dtype)
    value = te.compute(shape, lambda *index: _as(dtype, count(*place(*index))), "value")

    def word(*index: Expr) -> Expr:
        _, h, w, _ = place(*index)
        classes = _classes(conv, h, w) if popcount.needs_correction(conv) else ()
        bits = sign_word(value, tensors["limit"], index[-1] * WORD_BITS, target, index[:-1], classes)
        return bits ^ tensors["flip"][index[-1]]

    return te.compute((*shape[:-1], words_for(shape[-1])), word, "signs")


def _as(dtype: str, count: Expr) -> Expr:
    return count if dtype == "int32" else dtype_cast(dtype, count)
