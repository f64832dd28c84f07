import pytest

from benchmarks.arm_peers import prices
from benchmarks.arm_peers.prices import Ran, prices_of
from tvm_bnn.estimation.core import load_core

EOR, COUNT, ADD = (bytes.fromhex(code) for code in ("001c226e", "0058204e", "1084304e"))
"""eor v0.16b, v0.16b, v2.16b; cnt v0.16b, v0.16b; add v16.16b, v0.16b, v16.16b."""

MOVE = bytes.fromhex("e00301aa")
"""mov x0, x1."""

CORE = load_core("cortex-a72")
LOOP = COUNT * 8


@pytest.fixture(autouse=True)
def without_mca(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "find_mca", lambda: None)


def test_blocks_cost_their_executions() -> None:
    found = prices_of(Ran({MOVE * 6: 10, LOOP: 100}, {MOVE * 6: 10}), CORE, macs=1)
    assert found.ours.around is not None
    assert found.ours.around > 0
    assert found.ours.whole == pytest.approx(found.ours.around + prices_of(Ran({LOOP: 100}), CORE, 1).ours.whole)
    assert found.mca is None
    assert found.unknown == ()


def test_the_hottest_loop_does_its_share_of_the_products() -> None:
    # Another block counts a fifth of the bits.
    macs = 128 * 1000
    alone = prices_of(Ran({LOOP: 100}), CORE, macs).ours
    assert alone.loop == pytest.approx(macs / alone.whole)
    both = prices_of(Ran({LOOP: 100, COUNT + MOVE: 200}), CORE, macs).ours
    assert both.loop == pytest.approx(0.8 * alone.loop)


def test_other_instructions_than_the_table_has_are_named() -> None:
    assert prices_of(Ran({LOOP + bytes(4): 1}), CORE, 1).unknown
