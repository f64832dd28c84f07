"""Our own kernel of a layer by the same instrument: the best record of the target, or the default."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arm_peers.prices import Ran
from benchmarks.arm_peers.problems import Layer
from benchmarks.layers import square
from tvm_bnn.cli.context import book_of
from tvm_bnn.estimation.estimate import estimate, execute
from tvm_bnn.targets import Target
from tvm_bnn.tuning.plan import choose


@dataclass(frozen=True)
class Own:
    """Our kernel.

    Attributes:
        lowering: its name.
        schedule: where its arrangement comes from.
        ran: what it executes.
        seconds: the estimate, waiting for memory included, which no peer's price has.
    """

    lowering: str
    schedule: str
    ran: Ran
    seconds: float


def run_ours(layer: Layer, target: Target, records: Path | None, seed: int) -> Own:
    """Run our kernel of a layer, packed signs in and out, padding included.

    Raises:
        ValueError: it gives something else than the reference.
    """
    operator = square(layer.size, layer.channels)
    choice = choose(operator, target, 1, book_of(target, records, None))
    execution, mismatch = execute(operator, choice.row, choice.point, target, seed)
    if mismatch:
        raise ValueError(f"{choice.row.lowering.name} on {layer.name}: {mismatch}")
    blocks: Counter[bytes] = Counter()
    for block, times in execution.blocks.items():
        blocks[block.code] += times
    seconds = estimate(operator, choice.row, choice.point, target, seed).seconds
    return Own(choice.row.lowering.name, choice.schedule, Ran(blocks), seconds)
