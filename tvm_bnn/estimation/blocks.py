"""How often every straight piece of code ran, from the runs of instructions that an emulator translates and counts.

An emulator translates from wherever a jump lands to the next branch, which is a straight piece; but it also stops after
so many instructions and at the end of a page, where the code has no seam. These cuts are closed again.

Pieces may overlap: where a loop is entered from above, its first round belongs to one piece with what comes before, and
the others are a piece of their own. That is what a processor executes back to back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Run = tuple[int, int]
"""Address and size in bytes of instructions that were executed from the first to the last."""


@dataclass(frozen=True)
class Block:
    """Instructions that were executed one after the other, from where a jump landed to the next branch."""

    address: int
    code: bytes


def blocks_of(
    runs: Mapping[Run, int], code_at: Callable[[int, int], bytes], ends_block: Callable[[bytes], bool]
) -> dict[Block, int]:
    """Executions of every straight piece of code, by address.

    A run that does not end in a branch goes on in the one that begins behind it, as often as it was executed itself;
    what that one was executed more often, jumps have led there.

    Args:
        runs: executions of each, one at an address.
        code_at: the bytes at an address, so many.
        ends_block: whether code ends in an instruction that may branch.
    """
    sizes, counts = dict(runs.keys()), {address: count for (address, _), count in runs.items()}
    for address in sorted(sizes, reverse=True):
        behind = address + sizes[address]
        if behind in sizes and not ends_block(code_at(address, sizes[address])):
            sizes[address] += sizes[behind]
            counts[behind] -= counts[address]
    return {
        Block(address, code_at(address, sizes[address])): counts[address]
        for address in sorted(sizes)
        if counts[address] > 0
    }
