"""The operator of a group before its epilogue: shapes, integer weights, and what one unit of the sum is worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tvm_bnn.nn.anchors import AnchorPool
from tvm_bnn.nn.attention import AnchorAttention
from tvm_bnn.nn.conv import BinaryConv2d
from tvm_bnn.nn.freezing.fold import Reals, reals
from tvm_bnn.nn.gate import GATE_UNITS, ChannelGate
from tvm_bnn.nn.linear import BinaryLinear
from tvm_bnn.nn.quantise import int8_levels
from tvm_bnn.nn.real import RealConv2d
from tvm_bnn.ops import AccumulatingOperator, AvgPool2d, Bitpack, Conv2d, Dense, PooledAttention, Upsample2x
from tvm_bnn.ops import AnchorPool as AnchorPoolOperator
from tvm_bnn.ops import ChannelGate as ChannelGateOperator
from tvm_bnn.ops import RealConv2d as RealConv2dOperator
from tvm_bnn.ops.anchors import MEAN_FRACTION_BITS
from tvm_bnn.ops.attention import softmax_table
from tvm_bnn.ops.bits import pack_codes
from tvm_bnn.ops.gate import sigmoid_table
from tvm_bnn.ops.tensors import Array


@dataclass(frozen=True)
class Value:
    """An integer tensor that travels between operators.

    Attributes:
        id: its name.
        shape: channels last, [N, H, W, C] or [N, C].
        dtype: int16 for streams, uint8 for the picture and what a Uint8Activation yields.
        fraction: a unit is worth 2^-fraction.
    """

    id: str
    shape: tuple[int, ...]
    dtype: Literal["int16", "uint8"]
    fraction: int

    @property
    def map(self) -> tuple[int, int, int]:
        """Batch, height and width; a row is a map of one pixel."""
        batch, *size = self.shape[:-1]
        height, width = size or (1, 1)
        return batch, height, width

    @property
    def channels(self) -> int:
        """C."""
        return self.shape[-1]


@dataclass(frozen=True)
class Anchor:
    """An operator that accumulates.

    Attributes:
        operator: with its default epilogue.
        unit: real value [O] of one unit of the sum.
        bias: real constant [O] beside the sum.
        bound: largest magnitude [O] that the sum can reach with these weights.
        weight: codes, output channels first and input channels last, int8 in the operator's layout, or None.
        weight_bits: of the codes; 0 for int8.
        table: what the operator looks up, if it does.
    """

    operator: AccumulatingOperator
    unit: Reals
    bias: Reals
    bound: NDArray[np.int64]
    weight: Array | None = None
    weight_bits: int = 0
    table: Array | None = None

    @property
    def out_channels(self) -> int:
        """O."""
        return len(self.unit)

    def parameters(self, flipped: NDArray[np.bool_]) -> dict[str, Array]:
        """Weights as the operator reads them, those of ``flipped`` output channels negated (binary ones only)."""
        if self.table is not None:
            return {"table": self.table}
        if self.weight is None:
            return {}
        if not self.weight_bits:
            return {"weight": self.weight}
        flips = flipped.reshape(-1, *[1] * (self.weight.ndim - 1))
        codes = np.where(flips, 2**self.weight_bits - 1 - self.weight, self.weight)
        return {"weight": pack_codes(codes, self.weight_bits)}


def anchor_of(layer: nn.Module | None, values: Sequence[Value]) -> Anchor:
    """The operator for ``layer`` reading ``values``; for no layer the one that takes a stream as it is."""
    value = values[0]
    if layer is None:
        return _stream_anchor(Bitpack(*value.map, value.channels, input_dtype=value.dtype), value, 1)
    if isinstance(layer, BinaryConv2d):
        return _conv2d(layer, value)
    if isinstance(layer, BinaryLinear):
        return _dense(layer, value)
    if isinstance(layer, RealConv2d):
        return _real_conv2d(layer, value)
    if isinstance(layer, AnchorAttention):
        return _attention(layer, *values)
    if isinstance(layer, AnchorPool):
        return _stream_anchor(
            AnchorPoolOperator(*value.map, value.channels, grids=layer.grids), value, 2**MEAN_FRACTION_BITS
        )
    if isinstance(layer, ChannelGate):
        gate = _stream_anchor(ChannelGateOperator(*value.map, value.channels), value, GATE_UNITS)
        return dataclasses.replace(gate, table=sigmoid_table())
    if isinstance(layer, nn.AvgPool2d):
        kernel = layer.kernel_size
        assert isinstance(kernel, int)
        return _stream_anchor(AvgPool2d(*value.map, value.channels, kernel=kernel), value, kernel**2)
    assert isinstance(layer, nn.Upsample)
    return _stream_anchor(Upsample2x(*value.map, value.channels), value, 16)


def _stream_anchor(operator: AccumulatingOperator, value: Value, divisor: int) -> Anchor:
    unit = np.full(value.channels, 2.0**-value.fraction / divisor)
    return Anchor(operator, unit, np.zeros_like(unit), _bound(operator))


def _bound(operator: AccumulatingOperator) -> NDArray[np.int64]:
    return np.full(operator.accumulator_shape()[-1], operator.accumulator_bound(), np.int64)


def _conv2d(layer: BinaryConv2d, value: Value) -> Anchor:
    operator = Conv2d(
        *value.map,
        in_channels=layer.in_channels,
        out_channels=layer.out_channels,
        kernel=(layer.kernel_size, layer.kernel_size),
        stride=(layer.stride, layer.stride),
        dilation=(layer.dilation, layer.dilation),
        padding=(layer.padding, layer.padding),
        pad_value=layer.pad_value,
        groups=layer.groups,
        activation_bits=layer.activation_bits,
        weight_bits=layer.weight_bits,
        activation_bipolar=layer.quantiser.bipolar,
    )
    codes = layer.codes().permute(0, 2, 3, 1).numpy(force=True)
    return Anchor(
        operator, reals(layer.unit()), np.zeros(layer.out_channels), _bound(operator), codes, layer.weight_bits
    )


def _dense(layer: BinaryLinear, value: Value) -> Anchor:
    operator = Dense(
        rows=value.shape[0],
        in_features=layer.in_features,
        out_features=layer.out_features,
        activation_bits=layer.activation_bits,
        weight_bits=layer.weight_bits,
        activation_bipolar=layer.quantiser.bipolar,
    )
    codes = layer.codes().numpy(force=True)
    return Anchor(
        operator, reals(layer.unit()), np.zeros(layer.out_features), _bound(operator), codes, layer.weight_bits
    )


def _attention(layer: AnchorAttention, query: Value, key: Value, value: Value) -> Anchor:
    bits = layer.value_quantiser.bits
    operator = PooledAttention(
        *query.map,
        anchors=key.map[2],
        key_channels=layer.key_channels,
        value_channels=layer.value_channels,
        value_bits=bits,
    )
    # The accumulator is the quotient in units of 2^(bits - 15) steps.
    unit = np.full(layer.value_channels, float(layer.value_quantiser.step.detach()) * 2.0 ** (bits - 15))
    table = softmax_table(layer.key_channels, float(layer.temperature.detach()))
    return Anchor(operator, unit, np.zeros_like(unit), _bound(operator), table=table)


def _real_conv2d(layer: RealConv2d, value: Value) -> Anchor:
    operator = RealConv2dOperator(
        *value.map,
        in_channels=layer.in_channels,
        out_channels=layer.out_channels,
        kernel=(layer.kernel_size, layer.kernel_size),
        stride=(layer.stride, layer.stride),
        padding=(layer.padding, layer.padding),
        input_dtype=value.dtype,
    )
    unit = np.full(layer.out_channels, float(layer.unit()) * 2.0**-value.fraction)
    bias = np.zeros(layer.out_channels) if layer.bias is None else reals(layer.bias)
    weight = int8_levels(layer.weight.detach()).permute(2, 3, 1, 0).numpy(force=True).astype(np.int8)
    return Anchor(operator, unit, bias, _reach(weight, value.dtype), weight)


def _reach(weight: NDArray[np.int8], dtype: str) -> NDArray[np.int64]:
    """What sums of int8 ``weight`` [..., O] can reach: less than other weights could, so multipliers can be finer."""
    rows = weight.reshape(-1, weight.shape[-1]).astype(np.int64)
    above, below = rows.clip(min=0).sum(0), -rows.clip(max=0).sum(0)
    return 255 * np.maximum(above, below) if dtype == "uint8" else 2**15 * (above + below)
