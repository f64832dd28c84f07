"""What one run executes, and what that costs on a core by two instruments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.arm_peers.engines import Call, Engine
from benchmarks.arm_peers.problems import Problem
from tvm_bnn.estimation.core import Core
from tvm_bnn.estimation.decode import decode
from tvm_bnn.estimation.machine import Machine
from tvm_bnn.estimation.mca import cross_check, find_mca
from tvm_bnn.estimation.pricing import cycles, price

_COUNT_BITS = "cnt"
"""The instruction that every product goes through."""

Blocks = Mapping[bytes, int]
"""Executions by code."""


@dataclass(frozen=True)
class Ran:
    """What one run of an engine on a layer executes.

    Attributes:
        whole: everything that is priced.
        around: of this, what is done before and after the products; None where it is not told apart.
    """

    whole: Blocks
    around: Blocks | None = None


@dataclass(frozen=True)
class Price:
    """Cycles of one run, by one instrument.

    Attributes:
        whole: everything that was run.
        around: of this, what is done before and after the products; None where it is not told apart.
        loop: MAC per cycle of the block that takes longest.
    """

    whole: float
    around: float | None
    loop: float


@dataclass(frozen=True)
class Prices:
    """One engine on one layer.

    Attributes:
        ours: by our table of the core.
        mca: by llvm-mca; None where it is not installed.
        unknown: instructions that our table lacks.
    """

    ours: Price
    mca: Price | None
    unknown: tuple[str, ...]


def run_peer(engine: Engine, library: bytes, problem: Problem) -> Ran:
    """Run an engine's driver on a layer, and compare what it gives.

    Raises:
        ValueError: it gives something else than the reference: it was called wrongly.
    """
    call, machine = engine.call(problem), Machine(library, "aarch64")
    around = _run_once(machine, engine.around, call) if engine.around else None
    whole = _run_once(machine, engine.symbol, call)
    got = call.arguments[call.output]
    if not np.array_equal(got, call.expected):
        place = tuple(int(i) for i in np.argwhere(got != call.expected)[0])
        told = f"{engine.name} on {problem.layer.name}, output {list(place)}"
        raise ValueError(f"{told}: expected {call.expected[place]}, got {got[place]}")
    return Ran(whole, around)


def _run_once(machine: Machine, symbol: str, call: Call) -> Blocks:
    """What one more run executes, everything that is done once left out."""
    counts = []
    for runs in (1, 2):
        call.arguments[0][-1] = runs
        counts.append(machine.run(symbol, call.arguments).blocks)
    more: Counter[bytes] = Counter()
    for block, times in counts[1].items():
        more[block.code] += times - counts[0].get(block, 0)
    return +more


def prices_of(ran: Ran, core: Core, macs: int) -> Prices:
    """What was run, priced."""
    every = list({**ran.whole, **(ran.around or {})})
    ours = _price(ran, {code: cycles(code, core) for code in every}, macs)
    unknown = tuple(dict.fromkeys(name for code in every for name in price(code, core).unknown))
    if find_mca() is None:
        return Prices(ours, None, unknown)
    checked = cross_check(dict.fromkeys(every, 1), core).blocks
    by_mca = {code: mca for code, (_, mca) in zip(every, checked, strict=True)}
    return Prices(ours, _price(ran, by_mca, macs), unknown)


def _price(ran: Ran, each: Mapping[bytes, float], macs: int) -> Price:
    around = None if ran.around is None else _cost(ran.around.items(), each)
    hottest = max(ran.whole, key=lambda code: ran.whole[code] * each[code])
    counted = {code: times * _counts(code) for code, times in ran.whole.items()}
    share = counted[hottest] / sum(counted.values())
    return Price(_cost(ran.whole.items(), each), around, macs * share / (ran.whole[hottest] * each[hottest]))


def _cost(blocks: Iterable[tuple[bytes, int]], each: Mapping[bytes, float]) -> float:
    return sum(times * each[code] for code, times in blocks)


def _counts(code: bytes) -> int:
    return sum(one.mnemonic == _COUNT_BITS for one in decode(code, "aarch64"))
