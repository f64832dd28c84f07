import numpy as np

from tests.lowering.layouts import AVX2, AVX512
from tests.lowering.running import require
from tvm_bnn._tvm import build, s_tir, te, tvm
from tvm_bnn.lowering import byte_lookup
from tvm_bnn.targets import load


def test_vectors_are_no_wider_than_registers() -> None:
    assert byte_lookup.widths(AVX2) == [16, 32]
    assert byte_lookup.widths(AVX512) == [16, 32, 64]
    assert byte_lookup.widths(load("cpu-portable")) == []


def test_every_lane_picks_from_its_own_sixteen() -> None:
    require(AVX2)
    table, index = (te.placeholder((32,), "uint8", name) for name in ("table", "index"))
    picked = te.compute((32,), lambda i: byte_lookup.looked_up(table[i], index[i]), "picked")
    schedule = s_tir.Schedule(te.create_prim_func([table, index, picked]))
    (lane,) = schedule.get_loops(schedule.get_sblock("picked"))
    schedule.vectorize(lane)
    rng = np.random.default_rng(0)
    entries = np.tile(rng.permutation(16).astype(np.uint8), 2)
    places = rng.integers(0, 16, 32).astype(np.uint8)
    found = tvm.runtime.empty((32,), "uint8")
    kernel = build(schedule.mod["main"], AVX2.tvm_target(1))
    kernel["main"](tvm.runtime.tensor(entries), tvm.runtime.tensor(places), found)
    np.testing.assert_array_equal(found.numpy(), entries[places])


def test_nibbles_stand_in_the_order_of_the_channels() -> None:
    """With the intrinsic and without it."""
    x = te.placeholder((3, 2), "int32", "x")
    nibbles = te.compute((3, 2, 8), lambda p, word, i: byte_lookup.nibble(x[p, word], i), "nibbles")
    words = np.random.default_rng(1).integers(-(2**31), 2**31, (3, 2)).astype(np.int32)
    octets = words.view(np.uint8).reshape(3, 2, 4, 1)
    wanted = 4 * (octets >> np.array([0, 4], np.uint8) & 15).reshape(3, 2, 8)
    for by_instruction in (False, True):
        schedule = s_tir.Schedule(te.create_prim_func([x, nibbles]))
        if by_instruction:
            schedule.tensorize(schedule.get_loops(schedule.get_sblock("nibbles"))[-2], byte_lookup.nibbles_intrinsic())
        found = tvm.runtime.empty((3, 2, 8), "uint8")
        build(schedule.mod["main"], load("cpu-portable").tvm_target(1))["main"](tvm.runtime.tensor(words), found)
        np.testing.assert_array_equal(found.numpy(), wanted)
