"""How near an operator comes to what the target could do at best.

The least time is that of the best lowering there could be on the target, not of the one in use: the
multiply-accumulates at their highest peak, or the compulsory bytes, whichever takes longer. The bytes are priced at
the bandwidth of the second-level cache: between two operators of a network a map may well stay in the caches, so the
memory's bandwidth would be no bound.
"""

from __future__ import annotations

from tvm_bnn.ops.base import Operator
from tvm_bnn.targets import Target


def least_ms(operator: Operator, target: Target, threads: int) -> float:
    """The least time, in milliseconds, that ``target`` could need with so many cores.

    A multiply-accumulate of a x w bits takes a w one-bit ones by popcount, or one of 8 bits; the faster counts.
    """
    cost = operator.cost()
    int8 = target.peak("int8_gops_per_core")
    planes = cost.activation_bits * cost.weight_bits
    binary = max(target.peak("binary_gops_per_core") / planes, int8)
    compute = 2 * (cost.binary_macs / binary + cost.real_macs / int8)
    traffic = operator.bytes_moved / target.peak("cache_gbytes_per_s")
    return max(compute, traffic) / threads / 1e6


def roofline_fraction(operator: Operator, target: Target, threads: int, milliseconds: float) -> float:
    """Least time / time."""
    return least_ms(operator, target, threads) / milliseconds
