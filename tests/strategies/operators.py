"""Random small operators of every kind."""

import math
from collections.abc import Callable
from typing import Any, Literal

from hypothesis import assume, settings
from hypothesis import strategies as st

from tvm_bnn.ops import (
    AnchorPool,
    AvgPool2d,
    Bitpack,
    ChannelGate,
    Conv2d,
    Dense,
    Epilogue,
    Labels,
    Operator,
    PooledAttention,
    RealConv2d,
    Upsample2x,
)
from tvm_bnn.ops.epilogue import Output

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


GRIDS = ((1,), (2,), (3, 1), (1, 2, 5), (1, 3, 6, 8))


@st.composite
def anchor_pools(draw: st.DrawFn, /, **fixed: Any) -> AnchorPool:
    """Any small pooling over grids, its map smaller than the largest grid, or larger."""
    pick = _picker(draw, fixed)
    grids = pick("grids", st.sampled_from(GRIDS))
    return AnchorPool(**_stream(pick, max(1, max(grids) - 3)), grids=grids)


@st.composite
def pooled_attentions(draw: st.DrawFn, /, **fixed: Any) -> PooledAttention:
    """Any small attention; sums of weighted values fit 16 bits in some and need 32 in others."""
    pick = _picker(draw, fixed)
    fields = {
        "batch": pick("batch", st.integers(1, 2)),
        "height": pick("height", st.integers(1, 4)),
        "width": pick("width", st.integers(1, 8)),
        "anchors": pick("anchors", st.sampled_from([1, 2, 5, 16, 33, 110, 129])),
        "key_channels": pick("key_channels", st.sampled_from(CHANNELS)),
        "value_channels": pick("value_channels", st.sampled_from(FEW_CHANNELS)),
        "value_bits": pick("value_bits", st.sampled_from([1, 1, 1, *range(2, 9)])),
    }
    fields["epilogue"] = pick("epilogue", epilogues(fields["value_channels"]))
    return PooledAttention(**fields)


@st.composite
def channel_gates(draw: st.DrawFn, /, **fixed: Any) -> ChannelGate:
    """Any small gate."""
    return ChannelGate(**_stream(_picker(draw, fixed)))


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
    "anchor_pool": anchor_pools(),
    "pooled_attention": pooled_attentions(),
    "channel_gate": channel_gates(),
    "labels": label_maps(),
}
"""Any small operator of each kind."""


def operators() -> st.SearchStrategy[Operator]:
    """Any small operator of any kind."""
    return st.one_of(list(BY_KIND.values()))
