from typing import Any

import numpy as np
import pytest

from tests.strategies import Array
from tvm_bnn._tvm import build, s_tir, te, tvm
from tvm_bnn.lowering.expand import Expansion
from tvm_bnn.ops.bits import pack_codes
from tvm_bnn.targets import load, resolve_host

CODES = [Expansion(planes, 4, 0, 1, "uint8") for planes in (1, 2, 8)]
VALUES = [Expansion(1, 4, -1, 2, "int8"), Expansion(7, 4, -127, 2, "int8"), Expansion(7, 4, 0, 1, "int8")]
WEIGHTS = [Expansion(1, 2, -1, 2, "int8"), Expansion(2, 2, -3, 2, "int8"), Expansion(2, 2, 0, 1, "int8")]


def schedule_of(expansion: Expansion, instruction: bool) -> Any:
    """Three pixels of as many blocks as the pitch allows."""
    blocks = expansion.pitch // 2
    words = te.placeholder((3, expansion.planes * expansion.pitch), "int32", "words")
    made = te.compute(
        (3, blocks, 16, 4), lambda n, b, q, i: expansion.byte(lambda j: words[n, 2 * b + j], q, i), "made"
    )
    schedule = s_tir.Schedule(te.create_prim_func([words, made]))
    if instruction:
        schedule.tensorize(schedule.get_loops(schedule.get_sblock("made"))[-2], expansion.intrinsic)
    return schedule.mod["main"]


def run(expansion: Expansion, words: Array, instruction: bool) -> Array:
    kernel = build(schedule_of(expansion, instruction), resolve_host().tvm_target(1))
    made = tvm.runtime.tensor(np.full((3, expansion.pitch // 2, 16, 4), 85, expansion.dtype))
    kernel["main"](tvm.runtime.tensor(words), made)
    found: Array = made.numpy()
    return found


@pytest.mark.parametrize("instruction", [False, True])
@pytest.mark.parametrize("expansion", CODES + VALUES + WEIGHTS, ids=str)
def test_bytes_are_those_of_the_codes(expansion: Expansion, instruction: bool) -> None:
    codes = np.random.default_rng(0).integers(0, 2**expansion.planes, (3, 32 * expansion.pitch))
    found = run(expansion, pack_codes(codes, expansion.planes), instruction)
    np.testing.assert_array_equal(found.reshape(3, -1), expansion.low + expansion.step * codes)


def test_bits_become_masks_of_bytes() -> None:
    """A mask move and one masked instruction for the 64 bytes of a plane."""
    expansion = Expansion(2, 2, 0, 1, "uint8")
    kernel = build(schedule_of(expansion, instruction=True), load("x86-avx512").tvm_target(1))
    assembly = kernel.mod.inspect_source("asm")
    assert assembly.count("kmovq") == 2 * 3
    assert "vpsrlvd" not in assembly
