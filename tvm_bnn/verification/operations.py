"""Numbers of operations by kind."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Operations:
    """What is executed, by kind; an instruction on a vector counts once a lane.

    Attributes:
        bops: binary operations: every bit that a popcount takes from an xor or an and counts 2, as a
            multiply-accumulate does. Bits met by a look-up of their count are among them.
        integer_ops: additions, subtractions, multiplications, shifts and bitwise operations on integers.
        flops: additions, subtractions and multiplications in floating point.
        lookups: table entries picked by data.
        comparisons: of two numbers, the lesser and the greater of two among them.
        divisions: by something other than a constant power of two.
        exponentials: and other functions of that kind.
        loaded: bytes read from memory by the loop nest as it stands, before a compiler keeps any in registers.
        stored: bytes written likewise.
    """

    bops: int = 0
    integer_ops: int = 0
    flops: int = 0
    lookups: int = 0
    comparisons: int = 0
    divisions: int = 0
    exponentials: int = 0
    loaded: int = 0
    stored: int = 0

    def __add__(self, other: Operations) -> Operations:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Operations(*(left + right for left, right in pairs))

    def __mul__(self, times: int) -> Operations:
        return Operations(*(times * number for number in dataclasses.astuple(self)))

    @property
    def arithmetic(self) -> int:
        """Binary, integer and floating-point operations together, none of them discounted."""
        return self.bops + self.integer_ops + self.flops
