"""Footprints and traffic against closed formulas."""

import dataclasses
from typing import Any

import pytest

from tvm_bnn._tvm import s_tir, te, tirx
from tvm_bnn.estimation.footprint import footprint, nest_of
from tvm_bnn.estimation.memory import memory_seconds, together, traffic
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Target, load

RPI4 = load("rpi4")


def with_caches(first: int, second: int) -> Target:
    """A target whose caches have so many usable bytes, 1 GB/s from the second and 0.1 GB/s from memory."""
    values = {"l1d_bytes": first / 0.75, "l2_bytes": second / 0.75, "cache_gbytes_per_s": 1, "memory_gbytes_per_s": 0.1}
    facts = {name: dataclasses.replace(RPI4.facts[name], value=value) for name, value in values.items()}
    return dataclasses.replace(RPI4, facts={**RPI4.facts, **facts})


def touched(function: Any) -> dict[str, int]:
    return {str(buffer.name): size for buffer, size in footprint(nest_of(function)).items()}


def moved(function: Any, capacity: int) -> dict[str, int]:
    return {str(buffer.name): size for buffer, size in traffic(nest_of(function), capacity).items()}


def matrix_product(rows: int, columns: int, inner: int) -> Any:
    """int32 sums over ``inner`` of a[rows, inner] b[columns, inner], rows outside."""
    a, b = te.placeholder((rows, inner), "int32", "a"), te.placeholder((columns, inner), "int32", "b")
    k = te.reduce_axis((0, inner), "k")
    product = te.compute((rows, columns), lambda i, j: te.sum(a[i, k] * b[j, k], axis=k), "c")
    return s_tir.Schedule(te.create_prim_func([a, b, product]))


def test_footprints() -> None:
    a = te.placeholder((8, 64), "int32", "a")

    def of(*shape: int, read: Any) -> dict[str, int]:
        return touched(te.create_prim_func([a, te.compute(shape, read, "c")]))

    assert of(8, 64, read=lambda i, j: a[i, j])["a"] == 8 * 64 * 4
    assert of(8, read=lambda i: a[i, 3])["a"] == 8 * 64
    assert of(8, 16, read=lambda i, j: a[i, j])["a"] == 8 * 64
    assert of(8, 17, read=lambda i, j: a[i, j])["a"] == 8 * 128
    assert of(8, 64, read=lambda i, j: a[i // 4, j % 32])["a"] == 2 * 32 * 4
    assert of(8, 16, read=lambda i, j: a[0, i + j * 2])["a"] == 3 * 64
    assert of(64, read=lambda i: a[a[0, i] & 7, i])["a"] == 8 * 64 * 4
    assert of(8, 64, read=lambda i, j: tirx.if_then_else(i < 2, a[i, j], 0))["a"] == 8 * 64 * 4


def test_registers_and_what_is_as_small_are_no_memory() -> None:
    a = te.placeholder((64, 8), "int32", "a")
    scratch = te.compute((8,), lambda j: a[0, j] + 1, "scratch")
    large = te.compute((64, 8), lambda i, j: a[i, j] + 1, "large")
    result = te.compute((64, 8), lambda i, j: scratch[j] + large[63 - i, j], "c")
    assert set(touched(te.create_prim_func([a, result]))) == {"a", "large", "c"}
    schedule = matrix_product(4, 16, 32)
    block = schedule.get_sblock("c")
    schedule.reverse_compute_at(schedule.cache_write(block, 0, "local"), schedule.get_loops(block)[0])
    assert set(touched(schedule.mod["main"])) == {"a", "b", "c"}


def test_what_fits_is_brought_in_once() -> None:
    function = matrix_product(16, 16, 64).mod["main"]
    once = {"a": 16 * 256, "b": 16 * 256, "c": 16 * 64}
    assert moved(function, 16 * 1024) == once
    # One row of a, all of b: what is needed again is still there.
    assert moved(function, 5 * 1024) == once


def test_what_does_not_fit_is_brought_in_by_every_iteration() -> None:
    function = matrix_product(16, 16, 64).mod["main"]
    assert moved(function, 3 * 1024) == {"a": 16 * 256, "b": 16 * 16 * 256, "c": 16 * 64}


def test_the_order_of_loops_decides() -> None:
    """Weights of 64 KiB, activations of 4 KiB: blocks of weights that stay, or all of them for every row."""
    streaming = matrix_product(16, 256, 64)
    reusing = matrix_product(16, 256, 64)
    i, j, k = reusing.get_loops(reusing.get_sblock("c"))
    outer, inner = reusing.split(j, [None, 32])
    reusing.reorder(outer, i, inner, k)
    target = with_caches(24 * 1024, 1024 * 1024)
    most, least = (memory_seconds(schedule.mod["main"], target) for schedule in (streaming, reusing))
    assert most.l1_bytes > 16 * 64 * 1024
    assert least.l1_bytes < 2 * 64 * 1024
    assert most.dram_bytes == least.dram_bytes == 0
    assert most.seconds == pytest.approx(most.l1_bytes / 1e9)


def test_what_was_fused_is_taken_apart() -> None:
    """All blocks of weights for each row: none of them is there when it is needed again, fused loops or not."""
    apart, fused = matrix_product(16, 256, 64), matrix_product(16, 256, 64)
    for schedule in (apart, fused):
        i, j, _ = schedule.get_loops(schedule.get_sblock("c"))
        outer, _ = schedule.split(j, [None, 32])
        if schedule is fused:
            schedule.fuse(i, outer)
    found = moved(apart.mod["main"], 24 * 1024)
    assert found["b"] == 16 * 64 * 1024
    assert moved(fused.mod["main"], 24 * 1024) == found


def test_small_buffers_survive_what_does_not_fit() -> None:
    weights, k = te.placeholder((4096,), "int32", "weights"), te.reduce_axis((0, 4096), "k")
    scale, x = te.placeholder((64,), "int32", "scale"), te.placeholder((8, 4096), "int32", "x")
    result = te.compute((8,), lambda i: te.sum(x[i, k] * weights[k] * scale[k % 64], axis=k), "y")
    found = moved(te.create_prim_func([weights, scale, x, result]), 8 * 1024)
    assert found == {"weights": 8 * 16384, "scale": 256, "x": 8 * 16384, "y": 32}


def test_memory_counts_where_the_second_cache_is_too_small() -> None:
    function = matrix_product(64, 64, 64).mod["main"]
    found = memory_seconds(function, with_caches(20 * 1024, 40 * 1024))
    assert (found.l1_bytes, found.dram_bytes) == (3 * 64 * 256, 3 * 64 * 256)
    assert found.seconds == pytest.approx(found.dram_bytes / 1e8)


def test_the_shorter_of_two_is_not_quite_hidden() -> None:
    assert together(4, 2) == together(2, 4) == 4.5
    assert together(3, 0) == 3


@pytest.mark.parametrize(
    ("operator", "least", "most"),
    [
        # 7x7x512: 288 KiB of weights do not stay in 32 KiB; 56x56x64: 4.5 KiB do.
        (Conv2d(1, 7, 7, 512, 512, epilogue=Epilogue(outputs=("signs",))), 294912, 56 * 294912),
        (Conv2d(1, 56, 56, 64, 64, epilogue=Epilogue(outputs=("signs",))), 2 * 56 * 56 * 8, 60 * 56 * 56 * 8),
    ],
    ids=lambda value: value.label() if isinstance(value, Conv2d) else "",
)
def test_convolutions(operator: Conv2d, least: int, most: int) -> None:
    for row in rows_for(operator, RPI4):
        if row.fallback:
            continue
        setting = Setting(operator, RPI4, 1)
        function = row.space.scheduled(row.lowering.function(operator, RPI4), setting, row.space.default(setting))
        found = memory_seconds(function, RPI4)
        assert least <= found.l1_bytes <= most, row.lowering.name
        assert found.dram_bytes == 0
        assert memory_seconds(function, RPI4) == found


def test_places_that_lie_far_apart_are_not_what_is_between_them() -> None:
    """Of a map of 64 rows of 4 KB the sum of first and last row touches two."""
    x = te.placeholder((64, 1024), "int32", "x")
    ends = te.compute((1024,), lambda i: x[0, i] + x[63, i], "ends")
    assert touched(te.create_prim_func([x, ends])) == {"x": 8192, "ends": 4096}


def test_either_of_two_places() -> None:
    x = te.placeholder((4096,), "int32", "x")
    near = te.compute((1024,), lambda i: x[i + tirx.Select(i % 2 > 0, 32, 0)], "near")
    assert touched(te.create_prim_func([x, near])) == {"x": 4 * (1024 + 32), "near": 4096}
