import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from tests.lowering.layouts import packed
from tests.lowering.running import assembly, compare, require
from tests.strategies import ODD_CONVS, by_name, conv2ds, denses, filled_words, random_inputs
from tvm_bnn.lowering.byte_counts import MOST_WORDS
from tvm_bnn.lowering.popcount_quads import PopcountQuadsConv2d, PopcountQuadsDense, chunks
from tvm_bnn.ops import Conv2d, Dense, Epilogue
from tvm_bnn.ops.bits import words_for
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.quads import Quads
from tvm_bnn.targets import Target, load

PORTABLE, BOARD = load("cpu-portable"), load("rpi4")
"""Where the arithmetic runs without its instructions, and with them."""

CONV = Conv2d(1, 4, 4, 70, 100, kernel=(2, 3), padding=(0, 1), activation_bits=2, weight_bits=2)
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
SIGNS = Epilogue(outputs=("signs",))
SUMS = Epilogue("none", outputs=("accumulator",))
WIDE: tuple[Conv2d, ...] = (
    Conv2d(1, 5, 7, 64, 128, epilogue=FULL),
    Conv2d(1, 7, 5, 128, 192, stride=(2, 2), pad_value="zero", epilogue=SIGNS),
    Conv2d(1, 5, 7, 320, 64, dilation=(2, 2), padding=(2, 2), epilogue=SIGNS),
    Conv2d(1, 5, 7, 256, 128, groups=2, epilogue=Epilogue(outputs=("byte", "signs"))),
    Conv2d(1, 3, 5, 256, 48, kernel=(1, 1), padding=(0, 0), activation_bits=4, weight_bits=2, epilogue=SUMS),
    Conv2d(1, 3, 3, 512, 64, kernel=(3, 3), activation_bits=8, epilogue=SIGNS),
)
TAKEN = [conv for conv in ODD_CONVS if PopcountQuadsConv2d().declines(conv, BOARD) is None]


@pytest.mark.parametrize(
    ("channels", "kernel"), list(itertools.product((1, 33, 64, 128, 192, 512, 1000, 64 * 37), (1, 3, 5)))
)
def test_chunks_cover_the_reduction_and_fit_a_byte(channels: int, kernel: int) -> None:
    for dilation in ((1, 1), (2, 2)):
        conv = Conv2d(1, 16, 16, channels, 8, kernel=(kernel, kernel), padding=(0, 0), dilation=dilation)
        cut = chunks(conv)
        assert cut.words == math.prod(cut.inner) <= MOST_WORDS
        assert math.prod(cut.outer) * cut.words == kernel * kernel * words_for(channels)


def test_a_kernel_is_one_chunk_or_a_row_of_it_where_that_fits() -> None:
    plain = Conv2d(1, 8, 8, 64, 64)
    assert chunks(plain).inner == (3, 1, 6)
    assert chunks(replace(plain, dilation=(1, 2), padding=(1, 2))).inner == (3, 3, 2)
    assert chunks(replace(plain, in_channels=128)).inner == (1, 1, 12)
    assert chunks(replace(plain, in_channels=512)).inner == (1, 1, 24)


@pytest.mark.parametrize("channels", [5, 70, 320])
def test_lanes_run_over_output_channels(channels: int) -> None:
    conv = replace(CONV, in_channels=channels)
    canonical, arrays = packed(PopcountQuadsConv2d(), conv, BOARD)
    cut, words = chunks(conv), words_for(channels)
    assert arrays["weight"].shape == (13, 2, *cut.outer, *cut.inner, 8)
    given_words = canonical.reshape(100, 2, 3, 2, words)
    for o, row, column, plane, word in itertools.product((0, 31, 65, 99), range(2), range(3), range(2), range(words)):
        places = zip((row, column, word), cut.inner, strict=True)
        chunk, step = zip(*(divmod(place, extent) for place, extent in places), strict=True)
        found = arrays["weight"][(o // 8, plane, *chunk, *step, o % 8)]
        assert found == given_words[o, row, column, plane, word]


@pytest.mark.parametrize(
    ("operator", "target", "reason"),
    [
        (replace(CONV, in_channels=64, out_channels=32, groups=2), BOARD, "32 input channels share 64-bit words"),
        (replace(CONV, in_channels=128, out_channels=24, groups=2), BOARD, "12 output channels do not fill vectors"),
        (CONV, load("x86-avx2"), "does not promise asimd"),
        (replace(CONV, in_channels=128, out_channels=32, groups=2), BOARD, None),
        (CONV, BOARD, None),
    ],
)
def test_what_is_declined(operator: Conv2d, target: Target, reason: str | None) -> None:
    declined = PopcountQuadsConv2d().declines(operator, target)
    assert declined == reason if reason is None else reason in str(declined)


def test_limits_are_as_narrow_as_counts() -> None:
    conv = Conv2d(1, 4, 4, 64, 64, epilogue=SIGNS)
    deep = replace(conv, in_channels=512, activation_bits=4)
    assert [packed(PopcountQuadsConv2d(), c, BOARD)[1]["limit"].dtype for c in (conv, deep)] == ["int16", "int32"]


@pytest.mark.parametrize("conv", [*TAKEN[::6], *WIDE[:4]], ids=lambda conv: conv.label())
def test_convolutions(conv: Conv2d) -> None:
    """Without the instructions, for several threads, at both ends of the space."""
    setting, space = Setting(conv, PORTABLE, 2), Quads()
    compare(PopcountQuadsConv2d(), space, setting, _ends(setting) if conv in WIDE[:2] else [])


@pytest.mark.parametrize("conv", [*TAKEN[1::6], *WIDE], ids=lambda conv: conv.label())
def test_convolutions_by_instructions(conv: Conv2d) -> None:
    require(BOARD)
    setting = Setting(conv, BOARD, 1)
    compare(PopcountQuadsConv2d(), Quads(), setting, _ends(setting)[1:] if conv in WIDE[1:2] else [])


@settings(max_examples=3, deadline=None)
@given(operator=conv2ds(groups=1))
def test_any_convolution(operator: Conv2d) -> None:
    compare(PopcountQuadsConv2d(), Quads(), Setting(operator, PORTABLE, 1), [])


@settings(max_examples=3, deadline=None)
@given(operator=denses())
def test_any_dense_layer(operator: Dense) -> None:
    require(BOARD)
    compare(PopcountQuadsDense(), Quads(), Setting(operator, BOARD, 1), [])


@pytest.mark.parametrize("channels", [192, 31 * 64])
def test_bytes_hold_the_largest_sums(channels: int) -> None:
    """18 words a chunk, and 31."""
    require(BOARD)
    conv = Conv2d(1, 1, 1, channels, 32, kernel=(1, 3), padding=(0, 1), epilogue=SUMS)
    named = by_name(conv, random_inputs(conv, np.random.default_rng(0)))
    named |= {"x": filled_words(conv, "x", 1), "weight": filled_words(conv, "weight", 0)}
    arrays = [named[spec.name] for spec in conv.inputs()]
    compare(PopcountQuadsConv2d(), Quads(), Setting(conv, BOARD, 1), [], arrays)


@pytest.mark.parametrize("channels", [64, 128])
def test_a_step_is_three_instructions_and_nothing_leaves_the_registers(channels: int) -> None:
    conv = Conv2d(1, 56, 56, channels, channels, epilogue=SIGNS)
    text = assembly(PopcountQuadsConv2d(), Quads(), conv, BOARD)
    loops = [body.split("\n\tb.")[0] for body in text.split("\n.LBB") if "\tcnt\t" in body]
    inner = max(loops, key=lambda body: body.count("\tcnt\t"))
    counted = inner.count("\tcnt\t")
    assert counted == 2 * 16
    assert inner.count("\teor\tv") == inner.count("\tadd\tv") == counted
    assert not any(word in inner for word in ("ld1r", "dup", "uaddlp", "[sp"))


def _ends(setting: Setting) -> list[Point]:
    """The first and the last tile with the first variant and the last."""
    tiles, variants = Quads().tiles(setting), Quads().variants(setting)
    return [Point(tiles[0], variants[0]), Point(tiles[-1], variants[-1])]
