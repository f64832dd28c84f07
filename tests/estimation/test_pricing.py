"""Loops whose cycles are known by arithmetic."""

import pytest

from tests.estimation.assembly import (
    AES,
    NOTHING,
    add,
    add_x,
    again,
    block,
    cnt,
    divide,
    eor,
    load_all_lanes,
    load_q,
    load_x,
    load_x_moving,
    loop,
    mul_4s,
    products,
    sdot,
    sshr_8h,
    uadalp,
)
from tvm_bnn.estimation.core import Core, load_core
from tvm_bnn.estimation.pricing import cycles, price, price_all

A72, A53, A76, ZEN4 = (load_core(name) for name in ("cortex-a72", "cortex-a53", "cortex-a76", "zen4"))
IN_REGISTERS = products([(26, 27)] * 16)
"""Sixteen accumulators, 128 bit each."""

TILE = [(16 + pixel, 20 + channels) for pixel in range(4) for channels in range(4)]
"""Four pixels and four vectors of channels: sixteen accumulators."""


def looped(*words: int, core: Core = A72) -> float:
    """Cycles of one round of a loop."""
    return cycles(loop(*words), core)


def test_a_product_of_128_bit_takes_one_and_a_half_cycles_on_the_a72() -> None:
    assert cycles(loop(*IN_REGISTERS), A72) == pytest.approx(16 * 1.5, abs=0.5)


def test_loads_of_weights_are_hidden() -> None:
    loads = [load_q(16, 0, place) for place in range(16)]
    assert cycles(loop(*loads, *IN_REGISTERS), A72) == pytest.approx(16 * 1.5, abs=0.5)


def test_a_broadcast_takes_a_vector_pipe_as_well() -> None:
    loads = [load_all_lanes(16 + pixel, 1) for pixel in range(4)] + [load_q(20 + n, 0, n) for n in range(4)]
    assert cycles(loop(*loads, *products(TILE)), A72) == pytest.approx((16 * 3 + 4) / 2, abs=0.5)


def test_the_a76_is_no_faster_there_and_the_a53_half_as_fast() -> None:
    assert cycles(loop(*IN_REGISTERS), A76) == pytest.approx(16 * 1.5, abs=0.5)
    # On an in-order core the three steps of a product wait for each other unless others stand between them.
    spread = [eor(n, 26, 27) for n in range(8)]
    spread += [cnt(n, n) for n in range(8)]
    spread += [add(8 + n, 8 + n, n) for n in range(8)]
    assert cycles(loop(*spread), A53) == pytest.approx(8 * 3, abs=1)


def test_pairwise_sums_have_one_pipe() -> None:
    sums = [word for n in range(8) for word in (uadalp(n, 16), uadalp(n + 8, 17))]
    assert cycles(block(*sums), A72) == 16
    mixed = [word for n in range(8) for word in (eor(24, 16, 17), cnt(25, 24), uadalp(n, 25))]
    assert cycles(block(*mixed), A72) == pytest.approx(12, abs=0.5)


def test_dependent_instructions_wait_for_the_latency() -> None:
    assert looped(add(0, 0, 1)) == 3
    assert looped(add(0, 0, 1), core=A76) == 2
    assert looped(add(0, 0, 1), core=A53) == 4
    assert looped(load_x(1, 1)) == 4
    assert looped(eor(0, 1, 2), cnt(1, 0)) == 6


def test_only_a_loop_reads_what_it_has_left_in_registers() -> None:
    assert cycles(block(add(0, 0, 1)), A72) == pytest.approx(0.5, abs=0.01)
    assert cycles(block(add(0, 0, 1), *again()), A72) == pytest.approx(1, abs=0.01)
    assert looped(add(0, 0, 1)) == 3


def test_an_accumulator_is_forwarded() -> None:
    assert looped(uadalp(0, 1), uadalp(0, 1)) == 2
    assert looped(sdot(0, 1, 2), sdot(0, 1, 2), core=A76) == 2
    assert looped(uadalp(0, 1), add(0, 0, 2)) == 4 + 3


def test_an_address_that_moves_on_does_not_wait_for_the_data() -> None:
    assert cycles(block(load_x_moving(1, 0)), A72) == 1


def test_pipes_that_are_kept_busy() -> None:
    assert cycles(block(divide(0, 1, 2)), A72) == 19
    assert cycles(block(*(mul_4s(n, 16, 17) for n in range(8))), A72) == 16
    assert cycles(block(*(sshr_8h(n, 16, 3) for n in range(8))), A72) == 8


def test_dispatch_limits() -> None:
    independent = block(*(add_x(n, 16, 17) for n in range(2)), *(add(n, 16, 17) for n in range(2)), load_x(9, 10))
    assert cycles(independent * 6, A72) == pytest.approx(6 * 5 / 3, abs=0.5)
    assert cycles(independent * 6, A76) == pytest.approx(6 * 5 / 4, abs=0.5)
    assert cycles(block(*(add_x(n, 16, 17) for n in range(4))), A53) == 2


def test_a_window_that_is_full_holds_what_is_behind_it() -> None:
    chain = [load_x(9, 9)] * 40
    others = [add_x(1 + n % 4, 16, 17) for n in range(256)]
    assert looped(*chain) == 160
    assert cycles(block(*others), A72) == 128
    # The chain would hide the sums, were there room for more than a window of them while it runs.
    assert 165 < looped(*chain, *others) < 160 + 128


def test_an_instruction_that_waits_holds_an_in_order_core() -> None:
    waiting = block(load_x(0, 1), add_x(2, 0, 0), *(add_x(3, 4, 5) for _ in range(4)))
    assert cycles(waiting, A53) > cycles(waiting, A72)
    assert cycles(waiting, A53) == 5


def test_what_no_class_has_is_reported() -> None:
    found = price(block(AES, NOTHING, add(0, 1, 2)), A72)
    assert found.instructions == 3
    assert [text.split()[0] for text in found.unknown] == ["aese", "(bad)"]
    assert found.cycles >= 2


def test_all_executions_of_all_blocks() -> None:
    hot, warm, cold = loop(*products(TILE)), block(divide(0, 1, 2)), block(AES, add(0, 0, 1))
    found = price_all({hot: 10_000, warm: 5_000, cold: 1}, A72)
    exact = 10_000 * cycles(hot, A72) + 5_000 * 19
    assert found.cycles == pytest.approx(exact, rel=1e-4)
    assert found.instructions == 10_000 * 50 + 5_000 + 2
    assert [text.split()[0] for text in found.unknown] == ["aese"]
    assert price_all({}, A72).cycles == 0


def test_nothing_costs_nothing() -> None:
    assert price(b"", A72) == price(b"", A53)
    assert cycles(b"", A72) == 0


def test_the_same_code_has_the_same_price() -> None:
    code = loop(*products(TILE))
    first = price(code, A72)
    price.cache_clear()
    assert price(code, A72) == first


X86 = bytes.fromhex("660fefc1 660f6fd3 660ffed4 660f3800e5".replace(" ", ""))
"""pxor xmm0, xmm1; movdqa xmm2, xmm3; paddd xmm2, xmm4; pshufb xmm4, xmm5."""


def test_x86() -> None:
    assert price(X86, ZEN4).unknown == ()
    assert cycles(X86, ZEN4) == pytest.approx(0.75, abs=0.02)
    assert cycles(bytes.fromhex("660fefc0"), ZEN4) == pytest.approx(1 / 6, abs=0.02)
