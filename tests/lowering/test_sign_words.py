"""Packed comparisons against NumPy on every kind of processor, and what they take where there are no masks."""

from typing import Any

import numpy as np
import pytest

from tests.lowering.running import call, require
from tvm_bnn._tvm import build, te
from tvm_bnn.lowering.sign_words import sign_word
from tvm_bnn.ops.bits import pack_bits
from tvm_bnn.targets import Target, load

PIXELS, CHANNELS = 5, 128
NAMES = ["cpu-portable", "x86-avx2", "x86-avx512", "rpi4"]


def kernel(target: Target, dtype: str) -> Any:
    values, limits = te.placeholder((PIXELS, CHANNELS), dtype, "values"), te.placeholder((CHANNELS,), dtype, "limits")
    words = te.compute((PIXELS, CHANNELS // 32), lambda p, w: sign_word(values, limits, w * 32, target, (p,)), "words")
    return build(te.create_prim_func([values, limits, words]), target.tvm_target(1))


@pytest.mark.parametrize("dtype", ["int16", "int32"])
@pytest.mark.parametrize("name", NAMES)
def test_bits_are_comparisons(name: str, dtype: str) -> None:
    target = load(name)
    require(target)
    info, rng = np.iinfo(dtype), np.random.default_rng(0)
    values = rng.integers(-2, 3, (PIXELS, CHANNELS)).astype(dtype)
    limits = rng.integers(-2, 3, CHANNELS).astype(dtype)
    values[0, :40], limits[:20] = info.min, info.max
    limits[20:40] = info.min
    found = np.zeros((PIXELS, CHANNELS // 32), np.int32)
    call(kernel(target, dtype), target, [values, limits, found])
    np.testing.assert_array_equal(found, pack_bits(values >= limits))


def test_a_word_takes_eleven_vector_instructions() -> None:
    """Four comparisons, two pairs of registers merged and masked, three pairwise additions."""
    lines = kernel(load("rpi4"), "int16").mod.inspect_source("asm").splitlines()
    text = "\n".join(lines[next(i for i, line in enumerate(lines) if line.startswith("main_compute_:")) :])
    word = text[: text.index(".Lfunc_end")]
    counts = {name: word.count(f"\t{name}\t") for name in ("cmge", "trn1", "addp")}
    words = counts["cmge"] // 4
    assert words > 0
    assert counts == {"cmge": 4 * words, "trn1": 2 * words, "addp": 3 * words}
    assert not any(name in word for name in ("addv", "umov", "uzp1", "xtn"))
