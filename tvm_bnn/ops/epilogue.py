"""The fused end of every operator: affine, shortcut, activation, saturation, signs. Integers only.

An operator yields an int32 accumulator ``a`` [..., C]. With per-channel int32 parameters the epilogue computes, in
32-bit arithmetic and with ``>>`` the arithmetic shift (rounding towards minus infinity)::

    scale:      z = sat16((a * mul + s * shortcut_mul + add) >> shift)       s: shortcut stream, channel c % S
    bias:       z = a + add                                                  (no shortcut, no activation)
    none:       z = a
    RPReLU:     d = sat16(z - rprelu_in)
                z = sat16(max(d, (d * rprelu_slope + 2^14) >> 15) + rprelu_out)
    stream:     int16  z
    byte:       uint8  min(max(z, 0), 255)
    accumulator int32  z                                                     (``bias`` and ``none`` only)
    signs:      bit    z >= threshold, packed along the channels
    codes:      min(max((z * code_mul + code_add) >> code_shift, 0), 2^code_bits - 1), as packed bit planes

``add`` holds the rounding term 2^(shift-1) of the right shift: rounding half up costs nothing. A batch norm, a
weight scale and the scale of the stream fold into ``mul`` and ``add``; a scale below zero is folded into the signs
of the weights, so ``mul`` >= 0 need not be assumed by anyone. The RPReLU is ReActNet's: slope below the learned
knee ``rprelu_in``, then a learned offset. A slope is less than 1 in magnitude, so that the greater of d and its
multiple is d exactly above the knee; every step of it stays within int16, where processors have saturating sums and
a rounding high product. Whoever makes the parameters sees to it that no 32-bit step overflows
(:func:`check_parameters`).

``threshold`` has the dtype of z. With ``scale`` that is int16: -32768 means "always +1", but no threshold means
"never +1", for z = 32767 reaches even the greatest. ``freeze`` clips a threshold beyond int16 to its limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tvm_bnn.ops.bits import pack_bits, pack_codes, words_for
from tvm_bnn.ops.checks import flags, one_of, refused, whole
from tvm_bnn.ops.tensors import Array, TensorSpec

Affine = Literal["none", "bias", "scale"]
Output = Literal["accumulator", "stream", "byte", "signs", "codes"]

SLOPE_FRACTION_BITS = 15
"""RPReLU slopes are integers in units of 2^-15."""

SLOPE_LIMIT = 2**15 - 1
"""Largest magnitude of an integer slope: just below 1."""

RPRELU_PARAMETERS = ("rprelu_in", "rprelu_slope", "rprelu_out")

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1


@dataclass(frozen=True)
class Epilogue:
    """Which steps follow the accumulator and what is written.

    ``shortcut_channels`` is the width S of the stream that is added (0: none); output channel c adds stream channel
    c % S, so a shortcut may be repeated when a layer widens; the operator sees to it that S divides its channels.
    ``outputs`` lists what is written, in order. ``code_bits`` is 1..8 where codes are written, else 0.

    Raises:
        ValueError: where a field has no meaning, or the combination has none.
    """

    affine: Affine = "scale"
    shortcut_channels: int = 0
    rprelu: bool = False
    outputs: tuple[Output, ...] = ("stream",)
    code_bits: int = 0

    def __post_init__(self) -> None:
        """Refuse combinations the definition does not give a meaning to."""
        self._check_fields()
        saturating = self.affine == "scale"
        if saturating and "accumulator" in self.outputs:
            raise ValueError("epilogue: the accumulator is written only with affine 'none' or 'bias'")
        if not saturating and (self.shortcut_channels or self.rprelu or {"stream", "byte"} & set(self.outputs)):
            raise ValueError("epilogue: shortcut, RPReLU, stream and byte need affine 'scale'")

    def _check_fields(self) -> None:
        one_of("epilogue", get_args(Affine), affine=self.affine)
        whole("epilogue", 0, shortcut_channels=self.shortcut_channels)
        flags("epilogue", rprelu=self.rprelu)
        if not isinstance(self.outputs, tuple | list):
            raise refused("epilogue", "outputs", "a list of names", self.outputs)
        for name in self.outputs:
            one_of("epilogue", get_args(Output), outputs=name)
        if not self.outputs or len(set(self.outputs)) != len(self.outputs):
            raise refused("epilogue", "outputs", "distinct names, at least one", self.outputs)
        object.__setattr__(self, "outputs", tuple(self.outputs))
        limits = (1, 8) if "codes" in self.outputs else (0, 0)
        whole("epilogue", *limits, code_bits=self.code_bits)

    @property
    def value_dtype(self) -> str:
        """Dtype of z before it is written: int16 once saturated, else int32."""
        return "int16" if self.affine == "scale" else "int32"

    def inputs(self, shape: tuple[int, ...]) -> tuple[TensorSpec, ...]:
        """Tensors the epilogue reads for an accumulator of ``shape``."""
        channels = (shape[-1],)

        def parameter(name: str, dtype: str = "int32") -> TensorSpec:
            return TensorSpec(name, channels, dtype, "parameter")

        specs: list[TensorSpec] = []
        if self.shortcut_channels:
            specs.append(TensorSpec("shortcut", (*shape[:-1], self.shortcut_channels), "int16", "data"))
        specs += [parameter(name) for name in self._affine_parameters()]
        if self.rprelu:
            specs += [parameter(name, "int16") for name in RPRELU_PARAMETERS]
        if "signs" in self.outputs:
            specs.append(parameter("threshold", self.value_dtype))
        if "codes" in self.outputs:
            specs += [parameter(name) for name in ("code_mul", "code_add", "code_shift")]
        return tuple(specs)

    def _affine_parameters(self) -> tuple[str, ...]:
        names = {"none": (), "bias": ("add",), "scale": ("mul", "add", "shift")}[self.affine]
        return (*names, "shortcut_mul") if self.shortcut_channels else names

    def output_specs(self, shape: tuple[int, ...]) -> tuple[TensorSpec, ...]:
        """Shapes and dtypes of what is written for an accumulator of ``shape``."""
        dtypes = {"stream": "int16", "byte": "uint8"}
        planes = {"signs": 1, "codes": self.code_bits}

        def written(name: Output) -> tuple[int, ...]:
            return (*shape[:-1], planes[name] * words_for(shape[-1])) if name in planes else shape

        return tuple(TensorSpec(name, written(name), dtypes.get(name, "int32"), "data") for name in self.outputs)

    def reference(self, accumulator: Array, named: Mapping[str, Array]) -> tuple[Array, ...]:
        """The NumPy definition: int32 ``accumulator`` [..., C] and the named inputs to the outputs, in order."""
        value = self._activated(self._affine(accumulator.astype(np.int32), named), named)
        return tuple(self._written(name, value, named) for name in self.outputs)

    def _affine(self, accumulator: Array, named: Mapping[str, Array]) -> Array:
        if self.affine == "none":
            return accumulator
        if self.affine == "bias":
            return accumulator + named["add"]
        total = accumulator * named["mul"] + named["add"]
        if self.shortcut_channels:
            repeats = accumulator.shape[-1] // self.shortcut_channels
            shortcut = np.concatenate([named["shortcut"].astype(np.int32)] * repeats, axis=-1)
            total = total + shortcut * named["shortcut_mul"]
        return saturate(total >> named["shift"])

    def _activated(self, value: Array, named: Mapping[str, Array]) -> Array:
        if not self.rprelu:
            return value
        knee, slope, offset = (named[name].astype(np.int32) for name in RPRELU_PARAMETERS)
        distance = saturate(value - knee)
        below = (distance * slope + (1 << (SLOPE_FRACTION_BITS - 1))) >> SLOPE_FRACTION_BITS
        return saturate(np.maximum(distance, below) + offset)

    def _written(self, name: Output, value: Array, named: Mapping[str, Array]) -> Array:
        if name == "signs":
            return pack_bits(value >= named["threshold"])
        if name == "codes":
            codes = (value * named["code_mul"] + named["code_add"]) >> named["code_shift"]
            return pack_codes(np.clip(codes, 0, 2**self.code_bits - 1), self.code_bits)
        if name == "byte":
            return np.clip(value, 0, 255).astype(np.uint8)
        return value.astype(np.int16 if name == "stream" else np.int32)


def saturate(value: Array) -> Array:
    """Clamp int32 to the range of int16, still int32."""
    return np.clip(value, INT16_MIN, INT16_MAX)


def as_epilogue(value: object) -> Epilogue:
    """An epilogue as it is, or from its fields as plain data.

    Raises:
        ValueError: for anything else, and for fields an epilogue does not have.
    """
    if isinstance(value, Epilogue):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"epilogue: expected an Epilogue or a mapping of its fields, got {value!r}")
    try:
        return Epilogue(**value)
    except TypeError as error:
        raise ValueError(f"epilogue: {error}") from error


def check_parameters(epilogue: Epilogue, bound: int, named: Mapping[str, Array]) -> None:
    """Raise ValueError unless every 32-bit step stays in range for accumulators of magnitude up to ``bound``."""
    _check_reach("accumulator", np.asarray(bound))
    largest = _check_affine(epilogue, bound, named)
    if epilogue.rprelu:
        _check_range(named, "rprelu_in", INT16_MIN, INT16_MAX)
        _check_range(named, "rprelu_slope", -SLOPE_LIMIT, SLOPE_LIMIT)
        _check_range(named, "rprelu_out", INT16_MIN, INT16_MAX)
    if "codes" in epilogue.outputs:
        _check_reach("code", largest * _magnitude(named["code_mul"]) + _magnitude(named["code_add"]))
        _check_range(named, "code_shift", 0, 31)


def _check_affine(epilogue: Epilogue, bound: int, named: Mapping[str, Array]) -> Array:
    """Check the affine step; the largest magnitude of z, by channel or for all."""
    total: Array = np.asarray(bound, np.int64)
    if epilogue.affine == "scale":
        total = total * _magnitude(named["mul"])
    if epilogue.affine != "none":
        total = total + _magnitude(named["add"])
    if epilogue.shortcut_channels:
        total = total + 2**15 * _magnitude(named["shortcut_mul"])
    _check_reach("affine", total)
    if epilogue.affine != "scale":
        return total
    _check_range(named, "shift", 0, 31)
    return np.asarray(2**15, np.int64)


def _check_reach(step: str, total: Array) -> None:
    if np.any(total >= 2**31):
        raise ValueError(f"epilogue: the {step} step reaches {int(total.max())}, expected below 2^31")


def _check_range(named: Mapping[str, Array], name: str, low: int, high: int) -> None:
    if np.any(named[name] < low) or np.any(named[name] > high):
        raise ValueError(f"epilogue: expected {name} in {low}..{high}, got {named[name].min()}..{named[name].max()}")


def _magnitude(numbers: Array) -> Array:
    """In 64 bits, where the least 32-bit integer has one."""
    return np.abs(numbers.astype(np.int64))
