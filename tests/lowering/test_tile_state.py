import pytest

from tvm_bnn._tvm import s_tir, te
from tvm_bnn.lowering.amx import HardwareTiles, configuration
from tvm_bnn.lowering.tile_state import MARK, with_tiles


def test_the_configuration_is_the_manuals_table() -> None:
    operand = b"".join((word & 0xFFFFFFFF).to_bytes(4, "little") for word in configuration())
    assert len(operand) == 64
    assert operand[:2] == bytes([1, 0])
    assert not any(operand[2:16])
    assert [int.from_bytes(operand[16 + 2 * t : 18 + 2 * t], "little") for t in range(16)] == [64] * 8 + [0] * 8
    assert list(operand[48:]) == [16] * 8 + [0] * 8


def schedule() -> s_tir.Schedule:
    x = te.placeholder((4, 5), "int32", "x")
    return s_tir.Schedule(te.create_prim_func([x, te.compute((4, 5), lambda i, j: x[i, j] + 1, "y")]))


def test_the_marked_loop_configures_and_releases() -> None:
    arranged = schedule()
    outer, _ = arranged.get_loops(arranged.get_sblock("y"))
    arranged.annotate(outer, MARK, 1)
    text = with_tiles(arranged.mod["main"], HardwareTiles()).script()
    places = [text.index(name) for name in ("in range(4)", "ldtilecfg", "in range(5)", "tilerelease")]
    assert places == sorted(places)
    assert MARK not in text


def test_a_mark_is_needed() -> None:
    with pytest.raises(ValueError, match="expected a loop that is marked"):
        with_tiles(schedule().mod["main"], HardwareTiles())
