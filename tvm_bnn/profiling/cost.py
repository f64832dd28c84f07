"""What an operator has to do, whatever does it: multiply-accumulates, operations, compulsory bytes."""

from __future__ import annotations

from dataclasses import dataclass

from tvm_bnn.ops.base import Described


@dataclass(frozen=True)
class Work:
    """Work of one operator or of several.

    Attributes:
        binary_macs: multiply-accumulates with weights of one or two bits.
        real_macs: all other multiply-accumulates.
        ops: 2 x MACs, those of a x w bits discounted by min(1, a w / 64).
        bytes: inputs, weights and outputs, once.
    """

    binary_macs: int = 0
    real_macs: int = 0
    ops: float = 0.0
    bytes: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.binary_macs + other.binary_macs,
            self.real_macs + other.real_macs,
            self.ops + other.ops,
            self.bytes + other.bytes,
        )

    @property
    def macs(self) -> int:
        """All multiply-accumulates, of whatever width."""
        return self.binary_macs + self.real_macs

    @property
    def binary_share(self) -> float:
        """Share of the multiply-accumulates that are binary, 0..1; 0 where there are none."""
        return self.binary_macs / self.macs if self.macs else 0.0

    def gops(self, milliseconds: float) -> float:
        """Speed in 1e9 operations a second, 2 to a multiply-accumulate of any width."""
        return 2 * self.macs / milliseconds / 1e6


def work(operator: Described) -> Work:
    """What ``operator`` has to do."""
    cost = operator.cost()
    return Work(cost.binary_macs, cost.real_macs, cost.ops, operator.bytes_moved)
