import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from tests.lowering.layouts import AVX2, AVX512, packed
from tests.lowering.running import assembly, compare, ragged, require
from tests.strategies import ODD_CONVS, by_name, conv2ds, denses, filled_words, random_inputs
from tvm_bnn.lowering.popcount_bytes import MOST_STEPS, PopcountBytesConv2d, PopcountBytesDense, chunks, lane_count
from tvm_bnn.ops import Conv2d, Dense, Epilogue
from tvm_bnn.ops.bits import unpack_codes
from tvm_bnn.spaces.base import Setting
from tvm_bnn.spaces.lookups import Lookups
from tvm_bnn.targets import Target, load

CONV = Conv2d(1, 4, 4, 70, 100, kernel=(2, 3), padding=(0, 1), activation_bits=2, weight_bits=2)
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
SUMS = Epilogue("none", outputs=("accumulator",))
WIDE: tuple[Conv2d, ...] = (
    Conv2d(1, 5, 7, 64, 128, epilogue=FULL),
    Conv2d(1, 7, 5, 128, 192, stride=(2, 2), pad_value="zero", epilogue=Epilogue(outputs=("signs",))),
    Conv2d(1, 5, 7, 320, 64, dilation=(2, 2), padding=(2, 2), epilogue=FULL),
    Conv2d(1, 5, 7, 256, 128, groups=2, epilogue=Epilogue(outputs=("byte", "signs"))),
    Conv2d(1, 3, 5, 256, 48, kernel=(1, 1), padding=(0, 0), activation_bits=4, weight_bits=2, epilogue=SUMS),
    Conv2d(1, 3, 5, 128, 32, groups=2, epilogue=SUMS),
)


def taken(target: Target) -> list[Conv2d]:
    """A few of the odd convolutions that are not declined, and all of the wide ones."""
    accepted = [conv for conv in ODD_CONVS if PopcountBytesConv2d().declines(conv, target) is None]
    return [*accepted[::4], *WIDE]


@pytest.mark.parametrize(
    ("channels", "kernel"), list(itertools.product((1, 33, 64, 80, 252, 253, 384, 1000), (1, 3, 5)))
)
def test_chunks_cover_the_reduction_and_fit_a_byte(channels: int, kernel: int) -> None:
    cut = chunks(Conv2d(1, 8, 8, channels, 8, kernel=(kernel, kernel), padding=(0, 0)))
    assert math.prod(cut.inner) <= MOST_STEPS
    assert [o * i for o, i in zip(cut.outer[:2], cut.inner[:2], strict=True)] == [kernel, kernel]
    assert 0 <= cut.nibbles - -(-channels // 4) < 16


@pytest.mark.parametrize("channels", [5, 24, 70, 320])
@pytest.mark.parametrize("target", [AVX2, AVX512], ids=lambda target: target.name)
def test_lanes_run_over_output_channels(channels: int, target: Target) -> None:
    conv = replace(CONV, in_channels=channels)
    canonical, arrays = packed(PopcountBytesConv2d(), conv, target)
    cut, lanes = chunks(conv), target.lanes * 4
    assert arrays["weight"].shape == (-(-100 // lanes), 2, *cut.outer, *cut.inner, lanes)
    codes = unpack_codes(canonical, channels, 2)
    padded = np.pad(codes, [(0, 128 - 100), (0, 0), (0, 0), (0, cut.nibbles * 4 - channels)])
    for channel, row, column, nibble in itertools.product((0, 31, 65, 99, 127), range(2), range(3), range(cut.nibbles)):
        places = zip((row, column, nibble), cut.inner, strict=True)
        chunk, step = zip(*(divmod(place, extent) for place, extent in places), strict=True)
        four = padded[channel, row, column, nibble * 4 : nibble * 4 + 4]
        for plane in range(2):
            wanted = sum((int(code) >> plane & 1) << i for i, code in enumerate(four))
            found = arrays["weight"][(channel // lanes, plane, *chunk, *step, channel % lanes)]
            assert found == wanted


@pytest.mark.parametrize("bipolar", [False, True])
def test_tables_count_bits(bipolar: bool) -> None:
    _, arrays = packed(PopcountBytesConv2d(), replace(CONV, weight_bipolar=bipolar), AVX2)
    table = arrays["table"].reshape(16, 32)
    for activation, weight in itertools.product(range(16), range(16)):
        met = activation ^ weight if bipolar else activation & weight
        assert table[activation, weight] == table[activation, weight + 16] == met.bit_count()


def test_vectors_are_as_narrow_as_few_filters_or_a_group_allow() -> None:
    assert [lane_count(replace(CONV, out_channels=o), AVX2) for o in (1, 16, 17, 33)] == [16, 16, 32, 32]
    grouped = replace(CONV, in_channels=128, groups=2)
    assert [lane_count(replace(grouped, out_channels=o), AVX512) for o in (32, 64, 96, 128)] == [16, 32, 16, 64]


@pytest.mark.parametrize(
    ("operator", "target", "reason"),
    [
        (replace(CONV, in_channels=64, out_channels=32, groups=2), AVX2, "32 input channels share 64-bit words"),
        (replace(CONV, in_channels=128, out_channels=16, groups=2), AVX2, "8 output channels do not fill vectors"),
        (CONV, load("cpu-portable"), "does not promise avx2"),
        (replace(CONV, in_channels=128, out_channels=32, groups=2), AVX2, None),
        (CONV, AVX2, None),
        (CONV, AVX512, None),
    ],
)
def test_what_is_declined(operator: Conv2d, target: Target, reason: str | None) -> None:
    declined = PopcountBytesConv2d().declines(operator, target)
    assert declined == reason if reason is None else reason in str(declined)


@pytest.mark.parametrize("conv", taken(AVX2), ids=lambda conv: conv.label())
def test_convolutions(conv: Conv2d) -> None:
    require(AVX2)
    setting = Setting(conv, AVX2, 2)
    points = [ragged(Lookups(), setting, *conv.output_size)] if conv in WIDE[:4] else []
    compare(PopcountBytesConv2d(), Lookups(), setting, points)


@settings(max_examples=6, deadline=None)
@given(operator=conv2ds(groups=1))
def test_any_convolution(operator: Conv2d) -> None:
    require(AVX2)
    compare(PopcountBytesConv2d(), Lookups(), Setting(operator, AVX2, 1), [])


@settings(max_examples=4, deadline=None)
@given(operator=denses())
def test_any_dense_layer(operator: Dense) -> None:
    require(AVX2)
    compare(PopcountBytesDense(), Lookups(), Setting(operator, AVX2, 1), [])


@pytest.mark.parametrize("channels", [252, 512])
@pytest.mark.parametrize("target", [AVX2, AVX512], ids=lambda target: target.name)
def test_bytes_hold_the_largest_sums(channels: int, target: Target) -> None:
    require(target)
    conv = Conv2d(1, 3, 3, channels, 32, kernel=(3, 3), epilogue=SUMS)
    named = by_name(conv, random_inputs(conv, np.random.default_rng(0)))
    named |= {"x": filled_words(conv, "x", 1), "weight": filled_words(conv, "weight", 0)}
    arrays = [named[spec.name] for spec in conv.inputs()]
    compare(PopcountBytesConv2d(), Lookups(), Setting(conv, target, 1), [], arrays)


def test_a_step_is_a_look_up_and_an_addition() -> None:
    text = assembly(PopcountBytesConv2d(), Lookups(), Conv2d(1, 8, 8, 256, 128, epilogue=FULL), AVX2)
    loops = [body.split("\n\tj")[0] for body in text.split("\n.LBB") if "vpshufb" in body]
    inner = max(loops, key=lambda body: body.count("vpshufb"))
    looked_up, added = inner.count("vpshufb"), inner.count("vpaddb")
    assert looked_up == added == 8
    assert not any(word in inner for word in ("vpand", "vpsrl", "vpsadbw", "vpinsr", "(%rsp)"))
