"""Tiles, emulated: against the integer reference, and what is emitted for the hardware, read."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.lowering.emulated_tiles import EmulatedTiles, library
from tests.lowering.layouts import AVX512
from tests.strategies import random_inputs
from tvm_bnn._tvm import build, tvm
from tvm_bnn.lowering.binary_amx import BinaryAmxConv2d
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.tile_loops import TileLoops
from tvm_bnn.targets import cpu_flags, load, missing_features

AMX = load("x86-amx")
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
ACCUMULATOR = Epilogue("none", outputs=("accumulator",))
CONV = Conv2d(1, 8, 64, 128, 128, epilogue=FULL)

EMULATED = (
    Conv2d(1, 5, 7, 64, 5, epilogue=ACCUMULATOR),
    Conv2d(2, 6, 33, 64, 64, pad_value="zero", epilogue=FULL),
    Conv2d(1, 8, 70, 128, 96, stride=(2, 2), epilogue=Epilogue("bias", outputs=("signs",))),
    Conv2d(1, 7, 30, 192, 128, dilation=(2, 2), padding=(2, 2), pad_value="zero", epilogue=FULL),
    Conv2d(1, 4, 65, 256, 65, kernel=(1, 1), padding=(0, 0), epilogue=Epilogue(outputs=("codes",), code_bits=3)),
    Conv2d(
        *(1, 3, 61, 64, 128),
        kernel=(2, 3),
        stride=(1, 1),
        padding=(0, 3),
        pad_value="zero",
        activation_bits=7,
        weight_bits=2,
        epilogue=Epilogue(outputs=("byte", "signs")),
    ),
    Conv2d(1, 2, 20, 320, 70, kernel=(3, 3), activation_bits=3, activation_bipolar=False, weight_bipolar=False),
)


def some_points(space: TileLoops, setting: Setting) -> list[Point]:
    """Every block of tiles, every order and every way to expand, in as few points as possible."""
    variants, tiles = space.variants(setting), space.tiles(setting)
    blocks = list(dict.fromkeys(variant["block"] for variant in variants))
    loops = [dict(pair) for pair in dict.fromkeys((("order", v["order"]), ("expand", v["expand"])) for v in variants)]
    return [
        Point(tiles[n % len(tiles)], {**loops[n % len(loops)], "block": blocks[n % len(blocks)]})
        for n in range(max(len(loops), len(blocks)))
    ]


@pytest.mark.parametrize("conv", EMULATED, ids=lambda conv: conv.label())
def test_emulated_tiles_give_the_references_bytes(conv: Conv2d) -> None:
    if missing_features(AVX512, cpu_flags()):
        pytest.skip("what surrounds the tiles needs AVX-512, which this CPU lacks")
    for seed, point in enumerate(some_points(TileLoops(), Setting(conv, AVX512, 2))):
        emulate(conv, point, 1 + seed % 2, seed)


def emulate(conv: Conv2d, point: Point, threads: int, seed: int) -> None:
    """Run once; the numbers should be others every time, for memory may still hold those of the last."""
    tiles, lowering, setting = library(), BinaryAmxConv2d(), Setting(conv, AVX512, threads)
    function = TileLoops(EmulatedTiles()).scheduled(lowering.function(conv, AVX512), setting, point)
    kernel = build(function, AVX512.tvm_target(threads))
    arrays = random_inputs(conv, np.random.default_rng(seed))
    inputs = [tvm.runtime.tensor(array) for array in lowering.pack_inputs(conv, AVX512, arrays)]
    outputs = [tvm.runtime.tensor(np.full(spec.shape, 85, spec.dtype)) for spec in conv.outputs()]
    tiles.emulated_multiplications()
    kernel["main"](*inputs, *outputs)
    for want, got in zip(conv.reference(*arrays), outputs, strict=True):
        np.testing.assert_array_equal(got.numpy(), want, point.key)
    assert tiles.emulated_multiplications() == products(conv)
    assert (tiles.emulated_fault(), tiles.emulated_alive()) == (b"", 0)


def products(conv: Conv2d) -> int:
    """Instructions that whole tiles of pixels and whole blocks of 64 filters take."""
    rows, columns = conv.output_size
    sums = conv.batch * rows * math.ceil(columns / 16) * math.ceil(conv.out_channels / 64) * 4
    return sums * math.prod(conv.kernel) * conv.in_channels // 64


def assembly(conv: Conv2d, point: Point, threads: int = 2) -> str:
    function = TileLoops().scheduled(BinaryAmxConv2d().function(conv, AMX), Setting(conv, AMX, threads), point)
    return str(build(function, AMX.tvm_target(threads)).mod.inspect_source("asm"))


def instructions(text: str) -> list[str]:
    return re.findall(r"^\t((?:ldtilecfg|tile\w+|tdpbssd)\t?.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("order", "expand"), [*itertools.product(("pixels", "filters"), ("map", "strip"))])
def test_tiles_are_configured_used_and_released(order: str, expand: str, threads: int) -> None:
    point = Point((4,), {"order": order, "expand": expand, "block": "2x2"})
    found = instructions(assembly(CONV, point, threads))
    names = [line.split("\t")[0] for line in found]
    assert (names[0], names[-1]) == ("ldtilecfg", "tilerelease")
    assert (names.count("ldtilecfg"), names.count("tilerelease")) == (1, 1)
    assert {"tilezero", "tileloadd", "tdpbssd", "tilestored"} <= set(names)


@pytest.mark.parametrize(("block", "loads"), [("2x2", 4), ("1x4", 5), ("4x1", 5)])
def test_loads_of_a_step(block: str, loads: int) -> None:
    """Taps by blocks of channels are written out: 18 steps of four products each."""
    point = Point((4,), {"order": "pixels", "expand": "map", "block": block})
    names = [line.split("\t")[0] for line in instructions(assembly(CONV, point))]
    blocks = names.count("tilezero") // 4
    assert names.count("tdpbssd") == blocks * 18 * 4
    assert names.count("tileloadd") == blocks * 18 * loads


def test_bytes_are_written_before_tiles_are_loaded() -> None:
    text = assembly(CONV, Point((4,), {"order": "pixels", "expand": "strip", "block": "1x4"}))
    configured, loaded = text.index("\tldtilecfg"), text.index("\ttileloadd")
    stores = r"\tvmovdq\w+\t%zmm\d+, \S*\("
    assert re.search(stores, text[configured:loaded])
    last = text.rindex("\ttilestored")
    between = re.sub(r"\ttilestored.*", "", text[loaded : text.index("\ttilestored", loaded)])
    assert not re.search(stores, between)
    assert last > loaded


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        (replace(CONV, groups=2), "2 groups"),
        (replace(CONV, in_channels=96), "96 input channels do not fill rows of 64 bytes"),
        (replace(CONV, activation_bits=8), "8 bits do not fit signed bytes"),
        (CONV, None),
        (replace(CONV, activation_bits=7, weight_bits=2), None),
    ],
)
def test_what_does_not_fill_tiles_is_declined(operator: Conv2d, reason: str | None) -> None:
    declined = BinaryAmxConv2d().declines(operator, AMX)
    assert declined == reason if reason is None else reason in str(declined)


def test_zero_trials_count_bits() -> None:
    """What has not been run on the hardware is not taken unmeasured."""
    first, *others = (row.lowering.name for row in rows_for(CONV, AMX))
    assert first not in ("binary-dot", "binary-amx")
    assert {"binary-dot", "binary-amx"} <= set(others)


def test_tiles_are_needed() -> None:
    assert "does not promise amx_int8" in str(BinaryAmxConv2d().declines(CONV, AVX512))
