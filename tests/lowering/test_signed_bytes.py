import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from tests.lowering.layouts import AVX512, BYTES, DEEP, packed
from tests.lowering.running import assembly, compare, require
from tests.strategies import by_name, random_inputs, real_conv2ds
from tvm_bnn.lowering.signed_bytes import SignedBytes
from tvm_bnn.ops import Epilogue, RealConv2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.signed_bytes import SignedByteLoops
from tvm_bnn.targets import Target, load

PAIRS, QUADS = load("rpi4"), load("rpi5")
"""Without the dot product and with it."""

FULL = Epilogue(rprelu=True, outputs=("stream", "signs"))
SUMS = Epilogue("none", outputs=("accumulator",))
BIASED = Epilogue("bias", outputs=("accumulator", "signs"))
ODD: tuple[RealConv2d, ...] = (
    replace(BYTES, epilogue=SUMS),
    RealConv2d(2, 9, 10, 3, 16, stride=(2, 2), epilogue=Epilogue(outputs=("byte",))),
    RealConv2d(1, 9, 10, 16, 64, stride=(2, 2), epilogue=FULL),
    RealConv2d(1, 7, 5, 1, 33, kernel=(5, 3), padding=(0, 2), stride=(1, 3), epilogue=BIASED),
    RealConv2d(1, 4, 6, 65, 5, kernel=(1, 1), padding=(0, 0), epilogue=SUMS),
    RealConv2d(1, 2, 3, 2, 9, kernel=(2, 2), padding=(3, 3), epilogue=SUMS),
)


@pytest.mark.parametrize(("target", "together", "lanes"), [(PAIRS, 2, 8), (QUADS, 4, 4)], ids=["pairs", "quads"])
def test_steps_are_neighbours_of_one_kernel_row(target: Target, together: int, lanes: int) -> None:
    canonical, arrays = packed(SignedBytes(), BYTES, target)
    weight = arrays["weight"]
    vectors, steps = -(-20 // lanes), -(-9 // together)
    assert weight.shape == (vectors, 2, steps, lanes, together)
    assert weight.dtype == np.int8
    for channel, row, byte in itertools.product(range(vectors * lanes), range(2), range(steps * together)):
        inside = channel < 20 and byte < 9
        wanted = canonical[row, byte // 3, byte % 3, channel] if inside else 0
        assert weight[channel // lanes, row, byte // together, channel % lanes, byte % together] == wanted


@pytest.mark.parametrize("epilogue", [SUMS, BIASED, FULL], ids=lambda epilogue: epilogue.affine)
def test_what_the_offset_leaves_out_is_made_up_for(epilogue: Epilogue) -> None:
    """A picture of 128 everywhere has no sum but the constant."""
    conv = replace(BYTES, epilogue=epilogue)
    named = by_name(conv, random_inputs(conv, np.random.default_rng(0)))
    arrays, constant = SignedBytes().pack(conv, PAIRS, named), 128 * named["weight"].sum(axis=(0, 1, 2))
    if epilogue.affine == "none":
        np.testing.assert_array_equal(arrays["base"], constant)
    else:
        np.testing.assert_array_equal(arrays["add"], named["add"] + constant * named.get("mul", 1))
    assert all(arrays[s.name].dtype == s.dtype for s in SignedBytes().parameters(conv, PAIRS))


def test_what_is_declined() -> None:
    assert "asimd" in str(SignedBytes().declines(BYTES, AVX512))
    assert "int16" in str(SignedBytes().declines(DEEP, PAIRS))
    assert SignedBytes().declines(BYTES, PAIRS) is None


@pytest.mark.parametrize("target", [PAIRS, QUADS], ids=lambda target: target.name)
@pytest.mark.parametrize("conv", ODD, ids=lambda conv: conv.label())
def test_odd_convolutions(conv: RealConv2d, target: Target) -> None:
    require(target)
    setting, space = Setting(conv, target, 1), SignedByteLoops()
    compare(SignedBytes(), space, setting, [Point(space.tiles(setting)[0])] if conv in ODD[:2] else [])


@settings(max_examples=3, deadline=None)
@given(operator=real_conv2ds(input_dtype="uint8"))
def test_any_convolution_of_bytes(operator: RealConv2d) -> None:
    require(PAIRS)
    compare(SignedBytes(), SignedByteLoops(), Setting(operator, PAIRS, 1), [])


@pytest.mark.parametrize("target", [PAIRS, QUADS], ids=lambda target: target.name)
@pytest.mark.parametrize(("byte", "weight"), list(itertools.product((0, 255), (-128, 127))))
def test_bytes_at_the_ends_of_their_range(target: Target, byte: int, weight: int) -> None:
    require(target)
    conv = RealConv2d(1, 3, 4, 16, 8, epilogue=SUMS)
    arrays = [np.full(spec.shape, end, spec.dtype) for spec, end in zip(conv.inputs(), (byte, weight), strict=True)]
    compare(SignedBytes(), SignedByteLoops(), Setting(conv, target, 1), [], arrays)


@pytest.mark.parametrize(("target", "words"), [(PAIRS, ("smull", "sadalp")), (QUADS, ("sdot",))])
def test_sums_stay_in_the_registers(target: Target, words: tuple[str, ...]) -> None:
    conv = RealConv2d(1, 32, 64, 16, 64, stride=(2, 2), epilogue=FULL)
    text = assembly(SignedBytes(), SignedByteLoops(), conv, target)
    loops = [body.split("\n\tb.")[0] for body in text.split("\n.LBB")]
    inner = max(loops, key=lambda body: body.count(f"\t{words[0]}\t"))
    assert all(inner.count(f"\t{word}\t") >= 16 for word in words)
    assert "[sp" not in inner
