import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.lowering.layouts import AVX2, AVX512, packed
from tests.lowering.test_registry import TARGET, check
from tests.strategies import POLARITIES
from tvm_bnn._tvm import build
from tvm_bnn.lowering.binary_dot import BinaryDotConv2d, BinaryDotDense
from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import Conv2d, Dense, Epilogue
from tvm_bnn.ops.bits import unpack_codes
from tvm_bnn.spaces.base import Setting
from tvm_bnn.spaces.byte_loops import ByteLoops
from tvm_bnn.targets import load

CONV = Conv2d(
    1, 4, 4, 70, 100, kernel=(2, 3), padding=(0, 1), weight_bits=2, epilogue=Epilogue("bias", outputs=("accumulator",))
)
WHOLE = replace(CONV, in_channels=128)


@pytest.mark.parametrize(("conv", "blocks", "quads"), [(CONV, 1, 18), (WHOLE, 2, 16)])
def test_sixteen_filters_by_four_channels_lie_together(conv: Conv2d, blocks: int, quads: int) -> None:
    canonical, arrays = packed(BinaryDotConv2d(), conv, AVX512)
    assert arrays["weight"].shape == (2, 4, 2, 3, blocks, quads, 4)
    codes = unpack_codes(canonical, conv.in_channels, 2)
    found = unpack_codes(arrays["weight"], 64, 2)
    for channel, block, quad in itertools.product((0, 17, 99, 100), range(blocks), range(quads)):
        place = found[channel // 64, channel % 64 // 16, :, :, block, quad]
        for i in range(4):
            source = (block * quads + quad) * 4 + i
            inside = channel < 100 and source < conv.in_channels
            wanted = codes[channel, :, :, source] if inside else 0
            np.testing.assert_array_equal(place[..., channel % 16 * 4 + i], wanted)


@pytest.mark.parametrize(("activation_bipolar", "weight_bipolar"), POLARITIES)
def test_constants_make_up_for_codes(activation_bipolar: bool, weight_bipolar: bool) -> None:
    """All codes 0, without padding: the constant is the sum."""
    conv = replace(CONV, padding=(0, 0), activation_bits=3)
    conv = replace(conv, activation_bipolar=activation_bipolar, weight_bipolar=weight_bipolar)
    canonical, arrays = packed(BinaryDotConv2d(), conv, AVX512)
    wanted = conv.accumulate(np.zeros(conv.inputs()[0].shape, np.int32), canonical)[0, 0, 0]
    np.testing.assert_array_equal(arrays["base"], wanted)


def test_an_affine_step_takes_the_constants() -> None:
    conv = replace(CONV, epilogue=Epilogue(), pad_value="zero")
    names = [spec.name for spec in BinaryDotConv2d().parameters(conv, AVX512)]
    assert names == ["weight", "correction", "mul", "add", "shift"]
    assert "base" in [spec.name for spec in BinaryDotConv2d().parameters(CONV, AVX512)]


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        (replace(CONV, in_channels=66, out_channels=32, groups=2), "33 input channels share quads of 4"),
        (replace(CONV, in_channels=64, out_channels=24, groups=2), "12 output channels do not fill vectors of 16"),
        (replace(CONV, in_channels=24, out_channels=32, groups=2), None),
        (replace(CONV, activation_bits=8), None),
    ],
)
def test_groups_that_cross_instructions_are_declined(operator: Conv2d, reason: str | None) -> None:
    declined = BinaryDotConv2d().declines(operator, AVX512)
    assert declined == reason if reason is None else reason in str(declined)


GROUPED = (
    Conv2d(1, 5, 6, 24, 32, groups=2, pad_value="zero", activation_bits=2),
    Conv2d(2, 3, 5, 192, 48, groups=3, epilogue=Epilogue("none", outputs=("accumulator", "signs"))),
)


@pytest.mark.parametrize("conv", GROUPED, ids=lambda conv: conv.label())
def test_groups_that_fit(conv: Conv2d) -> None:
    """Vectors beyond the last output channel belong to no group."""
    row = row_named(conv, TARGET, "binary-dot")
    if row is None:
        pytest.skip(f"target {TARGET.name} of this host does not promise avx512_vnni")
    check(conv, 3, [row])


def test_the_instruction_is_needed() -> None:
    assert "avx512_vnni" in str(BinaryDotConv2d().declines(CONV, AVX2))
    assert BinaryDotDense().declines(Dense(5, 70, 100), AVX512) is None


@pytest.mark.parametrize("name", ["x86-avx512", "x86-amx"])
@pytest.mark.parametrize("bits", [1, 8])
def test_every_product_is_the_instructions(name: str, bits: int) -> None:
    target, conv = load(name), Conv2d(1, 8, 8, 64, 64, activation_bits=bits)
    space, setting = ByteLoops(), Setting(conv, target, 1)
    function = BinaryDotConv2d().function(conv, target)
    kernel = build(space.scheduled(function, setting, space.default(setting)), target.tvm_target(1))
    assembly = kernel.mod.inspect_source("asm")
    assert "vpdpbusd" in assembly
    assert "vpmulld" not in assembly.split("vpdpbusd")[1]
