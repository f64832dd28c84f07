import re

import numpy as np

from tests.profiling.peaks.assembly import count, hot_loop, touches_memory
from tvm_bnn._tvm import build
from tvm_bnn.profiling.peaks import tiles
from tvm_bnn.targets import load


def test_the_loop_is_made_of_products_of_tiles() -> None:
    block = hot_loop(tiles.tile_probe(load("x86-amx")), "x86-amx", "tdpbssd")
    assert count(block, "tdpbssd") % 4 == 0
    assert not touches_memory(block)
    operands = {tuple(re.findall(r"%tmm(\d)", line)) for line in block if line.startswith("tdpbssd")}
    assert operands == {("6", "4", "0"), ("7", "4", "1"), ("6", "5", "2"), ("7", "5", "3")}


def test_tiles_are_configured_loaded_stored_and_released() -> None:
    function = tiles.tile_probe(load("x86-amx")).function
    text = str(build(function, load("x86-amx").tvm_target(1)).mod.inspect_source("asm"))
    order = re.findall(r"\t(ldtilecfg|tilezero|tileloadd|tilestored|tilerelease)\b", text)
    assert order == ["ldtilecfg", *["tilezero"] * 4, *["tileloadd"] * 4, *["tilestored"] * 4, "tilerelease"]


def test_configuration_is_that_of_palette_1() -> None:
    configuration, operands, result = tiles.tile_probe(load("x86-amx")).arrays()
    assert configuration[0] == 1
    assert configuration[16:32].view(np.uint16).tolist() == [64] * 8
    assert configuration[48:56].tolist() == [16] * 8
    assert configuration.sum() == 1 + 8 * 64 + 8 * 16
    assert (operands.size, result.size) == (4 * 1024, 4 * 1024)


def test_work_is_that_of_whole_rounds() -> None:
    assert tiles.tile_probe(load("x86-amx")).work % (4 * 2 * 16 * 16 * 64) == 0
