"""What a kernel waits for its memory, by the reuse in its loops.

A part of the loop nest whose footprint fits into a cache brings each line in once, and so does a loop around it: what
an iteration needs again is still there. Where an iteration alone does not fit, every iteration brings in all of its
own; only what all of them touch in the same place survives, if it is small beside the cache. This is done twice: for
the traffic between the first-level cache and the second, and for that between the second and memory. What fits into the
second-level cache as a whole is taken to be there from the operator before, so it costs nothing of memory.

Both streams run at the same time, so the slower counts. Prefetching hides most of the shorter one of computing and
streaming, not all: the time of a kernel is the longer of the two and a quarter of the other (:func:`together`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tvm_bnn.estimation.footprint import Part, footprint, footprint_of_iteration, nest_of
from tvm_bnn.targets import Target

_USABLE = 0.75
"""The part of a cache that a loop nest can count on: the rest goes to the stack, to other data and to conflicts."""

_SURVIVING = 0.25
"""The part of a cache that a buffer may take to survive iterations which do not fit: it is in use all along."""

_NOT_HIDDEN = 0.25
"""The part of the shorter one of computing and streaming that the longer does not hide: an assumption."""


@dataclass(frozen=True)
class Traffic:
    """What one execution moves.

    Attributes:
        l1_bytes: between the first-level cache and the second.
        dram_bytes: between the second-level cache and memory.
        seconds: the time of the slower of the two streams.
    """

    l1_bytes: int
    dram_bytes: int
    seconds: float


def memory_seconds(function: Any, target: Target) -> Traffic:
    """The traffic of a scheduled function on one core of a target.

    Raises:
        ValueError: a loop whose extent is not constant.
        UsageError: the target lacks a size or a bandwidth.
    """
    nest = nest_of(function)
    first, second = (int(target.peak(name) * _USABLE) for name in ("l1d_bytes", "l2_bytes"))
    near = sum(traffic(nest, first).values())
    far = 0 if sum(footprint(nest).values()) <= second else sum(traffic(nest, second).values())
    return Traffic(near, far, max(near / _rate(target, "cache"), far / _rate(target, "memory")))


def together(compute_seconds: float, memory_seconds: float) -> float:
    """The time of a kernel that computes so long and streams so long."""
    longer, shorter = max(compute_seconds, memory_seconds), min(compute_seconds, memory_seconds)
    return longer + _NOT_HIDDEN * shorter


def traffic(part: Part, capacity: int) -> Counter[Any]:
    """Bytes of each buffer that one execution of a part brings into a cache of so many bytes."""
    whole = footprint(part)
    if sum(whole.values()) <= capacity:
        return Counter(whole)
    if part.loop is None:
        return sum((traffic(inner, capacity) for inner in part.parts), Counter(footprint(_own(part))))
    iteration = footprint_of_iteration(part)
    if sum(iteration.values()) <= capacity:
        return Counter(whole)
    once = sum((traffic(inner, capacity) for inner in part.parts), Counter[Any]())
    staying = {buffer for buffer, size in whole.items() if size == iteration[buffer] <= capacity * _SURVIVING}
    return Counter({buffer: size if buffer in staying else part.extent * size for buffer, size in once.items()})


def _own(part: Part) -> Part:
    """What a sequence does itself."""
    return Part(accesses=part.accesses)


def _rate(target: Target, level: str) -> float:
    """Bytes a second."""
    return target.peak(f"{level}_gbytes_per_s") * 1e9
