"""The int16 operations against NumPy, in vectors of every width and alone, and the instructions they become."""

from typing import Any

import numpy as np
import pytest

from tests.lowering.running import call, require
from tvm_bnn._tvm import build, s_tir, te
from tvm_bnn.lowering.fixed_point import high_product, saturating_difference, saturating_sum
from tvm_bnn.targets import Target, load

COUNT = 192
EDGES = np.array([-32768, -32767, -16385, -16384, -1, 0, 1, 2, 16383, 16384, 32766, 32767], np.int16)
PORTABLE = load("cpu-portable")


def kernel(target: Target, width: int) -> Any:
    """Sum, difference and product of two vectors of COUNT elements, ``width`` at a time."""
    left, right = (te.placeholder((COUNT,), "int16", name) for name in ("left", "right"))
    results = [
        te.compute((COUNT,), lambda i: saturating_sum(left[i], right[i]), "sum"),
        te.compute((COUNT,), lambda i: saturating_difference(left[i], right[i]), "difference"),
        te.compute((COUNT,), lambda i: high_product(left[i], right[i], target), "product"),
    ]
    schedule = s_tir.Schedule(te.create_prim_func([left, right, *results]))
    for name in ("sum", "difference", "product"):
        (loop,) = schedule.get_loops(schedule.get_sblock(name))
        if width > 1:
            schedule.vectorize(schedule.split(loop, [None, width])[1])
    return build(schedule.mod["main"], target.tvm_target(1))


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edges but the one that no product may have, and random ones."""
    left, right = (grid.ravel() for grid in np.meshgrid(EDGES, EDGES))
    allowed = (left != -32768) | (right != -32768)
    rng = np.random.default_rng(0)
    rest = rng.integers(-32767, 32768, (2, COUNT - allowed.sum()), np.int16)
    return np.concatenate([left[allowed], rest[0]]), np.concatenate([right[allowed], rest[1]])


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16, 32, 64])
@pytest.mark.parametrize("name", ["cpu-portable", "x86-avx2", "x86-avx512", "rpi4"])
def test_results(name: str, width: int) -> None:
    target = load(name)
    require(target)
    left, right = pairs()
    outputs = [np.zeros(COUNT, np.int16) for _ in range(3)]
    call(kernel(target, width), target, [left, right, *outputs])
    a, b = left.astype(np.int64), right.astype(np.int64)
    wanted = [np.clip(a + b, -32768, 32767), np.clip(a - b, -32768, 32767), (a * b + 2**14) >> 15]
    for output, expected in zip(outputs, wanted, strict=True):
        np.testing.assert_array_equal(output, expected)


X86 = ("vpaddsw", "vpsubsw", "vpmulhrsw")
NEON = ("sqadd", "sqsub", "sqrdmulh")


@pytest.mark.parametrize(
    ("name", "width", "instructions"),
    [("x86-avx2", 16, X86), ("x86-avx512", 32, X86), ("rpi4", 8, NEON), ("rpi4", 16, NEON)],
)
def test_instructions(name: str, width: int, instructions: tuple[str, ...]) -> None:
    assembly = kernel(load(name), width).mod.inspect_source("asm")
    assert all(instruction in assembly for instruction in instructions)
