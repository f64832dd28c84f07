"""Arranged loops compute what plain ones do, on a CPU bit for bit: every result takes its terms in the same order."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fake_cuda as fake
from tvm_bnn._tvm import build, s_tir, te, tvm
from tvm_bnn.graph.loops import arranged
from tvm_bnn.targets import resolve_host

HOST = resolve_host()


def scaled_rows(width: int) -> Any:
    """sum over k of a[i, k] b[k, j], then halved and cut at 0, for 33 x ``width`` results."""
    a, b = te.placeholder((33, 50), name="a"), te.placeholder((50, width), name="b")
    k = te.reduce_axis((0, 50), name="k")
    product = te.compute((33, width), lambda i, j: te.sum(a[i, k] * b[k, j], k), name="product")
    halved = te.compute((33, width), lambda i, j: product[i, j] * 0.5, name="halved")
    cut = te.compute((33, width), lambda i, j: te.max(halved[i, j], 0.0), name="cut")
    return te.create_prim_func([a, b, cut])


def names(function: Any) -> list[str]:
    schedule = s_tir.Schedule(function)
    return [str(schedule.get(block).name_hint) for block in schedule.get_child_blocks(schedule.get_sblock("root"))]


@pytest.mark.parametrize("width", [1, 6, 16, 83, 130])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_bits(width: int, threads: int) -> None:
    rng = np.random.default_rng(width)
    operands = [tvm.runtime.tensor(rng.standard_normal(shape, np.float32)) for shape in ((33, 50), (50, width))]
    results = []
    plain = scaled_rows(width)
    for function in (plain, arranged(plain, HOST.lanes, threads)):
        result = tvm.runtime.tensor(np.zeros((33, width), np.float32))
        build(function, HOST.tvm_target(threads))["main"](*operands, result)
        results.append(result.numpy())
    np.testing.assert_array_equal(*results)


def test_terms_are_outside_of_what_they_are_added_to() -> None:
    schedule = s_tir.Schedule(arranged(scaled_rows(128), HOST.lanes, 2))
    loops = schedule.get_loops(schedule.get_sblock("product_update"))
    assert [int(schedule.get(loop).extent) for loop in loops] == [33, 2, 50, 64]
    assert schedule.get(loops[0]).kind == 1


def test_stages_that_feed_one_other_are_computed_there() -> None:
    assert "halved" not in names(arranged(scaled_rows(16), HOST.lanes, 1))


def test_what_is_read_over_and_over_is_computed_once() -> None:
    gate, x = te.placeholder((8,), name="gate"), te.placeholder((8, 32), name="x")
    opened = te.compute((8,), lambda c: te.exp(gate[c]), name="opened")
    gated = te.compute((8, 32), lambda c, i: opened[c] * x[c, i], name="gated")
    assert names(arranged(te.create_prim_func([gate, x, gated]), HOST.lanes, 1)) == ["opened", "gated"]


ON_GPU = """
import numpy as np
from tests.graph.test_loops import scaled_rows
from tvm_bnn._tvm import build, tvm
from tvm_bnn.deploy.vm import device_of
from tvm_bnn.graph.loops import arranged_for_gpu
from tvm_bnn.targets import load
rng, target, found = np.random.default_rng(0), load("h200"), []
arrays = [rng.standard_normal(shape, np.float32) for shape in ((33, 50), (50, 6))]
for function, one in ((scaled_rows(6), load("cpu")), (arranged_for_gpu(scaled_rows(6)), target)):
    tensors = [tvm.runtime.tensor(array, device_of(one)) for array in (*arrays, np.zeros((33, 6), np.float32))]
    build(function, one.tvm_target(1))["main"](*tensors)
    found.append(tensors[-1].numpy())
np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-5)
print(fake_cuda.count("launch"))
"""


def test_every_stage_that_is_left_is_a_kernel_of_a_gpu(fake_cuda: Path) -> None:
    assert fake.output_of(ON_GPU, fake_cuda) == "2"
