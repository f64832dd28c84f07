"""Cycles of one execution of a basic block, by a simulation of the core's pipeline.

The block is executed again and again, back to back, as the body of a loop is, and what counts is the cycles between
two executions once the pipeline is full (:mod:`tvm_bnn.estimation.pipeline` tells how they come about).

Left out: misses of caches and translation buffers, wrongly predicted branches and the bubble after a taken one,
loads that wait for a store to the same place, queues before the ports that are shorter than the window, and whatever
another block before or after would overlap with this one.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tvm_bnn.estimation.core import Architecture, Core
from tvm_bnn.estimation.decode import decode, pieces
from tvm_bnn.estimation.pipeline import retirements, steps

_STEADY = 400
"""Instructions that are simulated at least: more than the windows of most cores, twice."""

_BACKWARDS = re.compile(r"(?:j|b|cb|tb)\S* .*?#?0x(f[0-9a-f]{15})")
"""A branch to a place before it, as text."""

_COLD = 1e-4
"""A block with less than this part of all executed instructions is only looked at briefly."""


@dataclass(frozen=True)
class Priced:
    """A price.

    Attributes:
        cycles: of one execution.
        instructions: that are executed in it.
        unknown: instructions that no class of the core has, priced as its ``unknown``.
    """

    cycles: float
    instructions: int
    unknown: tuple[str, ...]


def cycles(code: bytes, core: Core) -> float:
    """Cycles of one execution of a block in a steady state."""
    return price(code, core).cycles


def price_all(executions: Mapping[bytes, int], core: Core) -> Priced:
    """The price of all executions of the blocks of a kernel.

    Args:
        executions: how often each block is executed, by its code.
        core: what executes them.

    Raises:
        ToolchainError: no disassembler.
    """
    sizes = {code: len(code) * times for code, times in executions.items()}
    few = _COLD * sum(sizes.values())
    prices = [(price(code, core, 1 if sizes[code] < few else _STEADY), times) for code, times in executions.items()]
    return Priced(
        sum(one.cycles * times for one, times in prices),
        sum(one.instructions * times for one, times in prices),
        tuple(dict.fromkeys(text for one, _ in prices for text in one.unknown)),
    )


@functools.lru_cache(maxsize=2**16)
def price(code: bytes, core: Core, least: int = _STEADY) -> Priced:
    """The price of one execution of a block in a steady state; an empty block costs nothing.

    Args:
        code: of the block.
        core: what executes it.
        least: instructions that are simulated at least; two executions always are.

    Raises:
        ToolchainError: no disassembler.
    """
    block = decode(code, core.architecture)
    if not block:
        return Priced(0.0, 0, ())
    classes = [core.class_of(instruction.form) for instruction in block]
    pairs = zip(block, classes, strict=True)
    unknown = tuple(dict.fromkeys(str(instruction) for instruction, found in pairs if found is None))
    times = max(2, math.ceil(least / len(block)))
    made = steps(block, [found or core.unknown for found in classes])
    ends = retirements(made, core, times, carried=_is_loop(code, core.architecture))
    first = (times - 1) // 2
    return Priced((ends[-1] - ends[first]) / (times - 1 - first), len(block), unknown)


def _is_loop(code: bytes, architecture: Architecture) -> bool:
    """Whether a block ends in a branch to its own start: only then does it read what it has left in registers.

    Every instruction is decoded as if it stood at 0, so the place that a branch names is its distance.
    """
    *_, last = pieces(code, architecture)
    found = _BACKWARDS.fullmatch(str(decode(last, architecture)[0]))
    return found is not None and (1 << 64) - int(found[1], 16) == len(code) - len(last)
