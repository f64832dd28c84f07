"""How near an operator comes to what the target could do at best.

The least time is that of the best lowering there could be on the target, not of the one in use: the
multiply-accumulates at their highest peak, or the compulsory bytes through memory, whichever takes longer.
"""

from __future__ import annotations

from tvm_bnn.ops.base import Operator
from tvm_bnn.targets import Target


def least_ms(operator: Operator, target: Target, threads: int) -> float:
    """The least time, in milliseconds, that ``target`` could need with so many cores.

    A multiply-accumulate of a x w bits takes a w one-bit ones by popcount, or one of 8 bits; the faster counts. Maps
    that stay in a cache can beat the memory bound.
    """
    cost = operator.cost()
    int8 = target.peak("int8_gops_per_core")
    planes = cost.activation_bits * cost.weight_bits
    binary = max(target.peak("binary_gops_per_core") / planes, int8)
    compute = 2 * (cost.binary_macs / binary + cost.real_macs / int8)
    memory = operator.bytes_moved / target.peak("memory_gbytes_per_s")
    return max(compute, memory) / threads / 1e6


def roofline_fraction(operator: Operator, target: Target, threads: int, milliseconds: float) -> float:
    """Least time / time."""
    return least_ms(operator, target, threads) / milliseconds
