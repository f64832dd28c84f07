"""Counts in the bytes of words against NumPy, in vectors and alone, and the instructions they become."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.lowering.running import call, require
from tvm_bnn._tvm import build, s_tir, te
from tvm_bnn.lowering.byte_counts import MOST_WORDS, PAIRED_WORDS, common_bits, differing_bits, sum_of_bytes
from tvm_bnn.targets import Target, load

COUNT = 48
PORTABLE, BOARD = load("cpu-portable"), load("rpi4")


def kernel(target: Target, width: int, words: int) -> Any:
    """Differing and common bits of ``words`` pairs, summed, then the sums of the bytes, ``width`` at a time."""
    left, right = (te.placeholder((words, COUNT), "int32", name) for name in ("left", "right"))

    def met(name: str, meet: Callable[[Any, Any], Any]) -> Any:
        step = te.reduce_axis((0, words), "step")
        stage = te.compute((COUNT,), lambda i: te.sum(meet(left[step, i], right[step, i]), axis=step), name)
        return te.compute((COUNT,), lambda i: sum_of_bytes(stage[i], words, target), f"{name}_sum")

    results = [met("differing", differing_bits), met("common", common_bits)]
    schedule = s_tir.Schedule(te.create_prim_func([left, right, *results]))
    for name in ("differing", "common", "differing_sum", "common_sum"):
        loops = schedule.get_loops(schedule.get_sblock(name))
        outer, lane = schedule.split(loops[0], [None, width])
        schedule.reorder(outer, *loops[1:], lane)
        if width > 1:
            schedule.vectorize(lane)
    return build(schedule.mod["main"], target.tvm_target(1))


@pytest.mark.parametrize("words", [PAIRED_WORDS, MOST_WORDS])
@pytest.mark.parametrize("width", [1, 4, 8, 16])
@pytest.mark.parametrize("target", [PORTABLE, BOARD], ids=lambda target: target.name)
def test_sums_up_to_the_largest(target: Target, width: int, words: int) -> None:
    require(target)
    left, right = np.random.default_rng(width).integers(-(2**31), 2**31, (2, words, COUNT)).astype(np.int32)
    left[:, :8], right[:, :4], right[:, 4:8] = -1, 0, -1
    found = [np.zeros(COUNT, np.int16) for _ in range(2)]
    call(kernel(target, width, words), target, [left, right, *found])
    for result, met in zip(found, (left ^ right, left & right), strict=True):
        wanted = np.bitwise_count(met.view(np.uint32)).sum(axis=0)
        np.testing.assert_array_equal(result, wanted)
    assert found[0][:4].tolist() == found[1][4:8].tolist() == [32 * words] * 4


def test_few_words_are_added_up_in_fewer_instructions() -> None:
    few, many = (kernel(BOARD, 8, words).mod.inspect_source("asm") for words in (PAIRED_WORDS, MOST_WORDS))
    assert few.count("\taddp\t") == many.count("\taddp\t") > 0
    assert 2 * few.count("\tuaddlp\t") == many.count("\tuaddlp\t")
