"""The tables of the boards know what the compiler emits for them, and agree with another model of the A72."""

import pytest

from tests.estimation.assembly import again, block, load_all_lanes, load_q, products
from tests.estimation.kernels import OPERATORS, code, straight
from tvm_bnn.estimation.core import load_core
from tvm_bnn.estimation.decode import decode
from tvm_bnn.estimation.mca import cross_check, find_mca, mca_cycles, mca_version
from tvm_bnn.estimation.pricing import price
from tvm_bnn.ops import Operator
from tvm_bnn.targets import load

needs_mca = pytest.mark.skipif(find_mca() is None, reason="llvm-mca is not installed")
BOARDS = ("rpi3", "rpi4", "rpi5")
A72 = load_core("cortex-a72")

TILE = block(
    *(load_all_lanes(16 + pixel, 1) for pixel in range(4)),
    *(load_q(20 + channels, 0, channels) for channels in range(4)),
    *products([(16 + pixel, 20 + channels) for pixel in range(4) for channels in range(4)]),
    *again(),
)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.label())
def test_every_instruction_of_our_kernels_has_a_class(board: str, operator: Operator) -> None:
    core = load_core(str(load(board).core))
    unknown = {one.form for one in decode(code(operator, board), "aarch64") if core.class_of(one.form) is None}
    assert unknown == set()


@needs_mca
def test_a_loop_by_hand_agrees() -> None:
    assert price(TILE, A72).cycles == pytest.approx(mca_cycles(TILE, A72), rel=0.05)


@needs_mca
def test_what_the_compiler_makes_of_convolutions_agrees() -> None:
    blocks = dict.fromkeys(straight(code(OPERATORS[0], "rpi4"), least=60), 1)
    checked = cross_check(blocks, A72)
    assert checked.ratio == pytest.approx(1, abs=0.1)
    assert len(checked.blocks) == len(blocks)
    assert sum(ours for ours, _ in checked.blocks) == pytest.approx(checked.ours)
    assert "version" in mca_version()
    assert checked.version == mca_version()


@needs_mca
def test_executions_weigh() -> None:
    lone = block(load_q(0, 0))
    checked = cross_check({TILE: 3, lone: 50}, A72)
    (tile, load) = checked.blocks
    assert checked.ours == pytest.approx(3 * tile[0] + 50 * load[0])
    assert checked.mca == pytest.approx(3 * tile[1] + 50 * load[1])


@needs_mca
def test_jumps_of_x86_are_accepted() -> None:
    body = bytes.fromhex("660ffec1 4883c001 7504".replace(" ", ""))
    assert mca_cycles(body, load_core("zen4")) == pytest.approx(1, abs=0.2)
