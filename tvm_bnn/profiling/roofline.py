"""How near an operator comes to what the target could do at best.

The least time is that of the best lowering there could be on the target, not of the one in use: the
multiply-accumulates at their highest peak, or the compulsory bytes, whichever takes longer. The bytes are priced at
the bandwidth of the second-level cache: between two operators of a network a map may well stay in the caches, so the
memory's bandwidth would be no bound.
"""

from __future__ import annotations

from collections.abc import Iterable

from tvm_bnn.ops.base import Described, Products
from tvm_bnn.targets import Target


def least_ms(operator: Described, target: Target, threads: int) -> float:
    """The least time, in milliseconds, that ``target`` could need with so many cores.

    A multiply-accumulate of a x w bits takes a w one-bit ones by popcount, or one of 8 bits; the faster counts.
    """
    compute = sum(2 * product.macs / _peak(product, target) for product in operator.cost().products)
    traffic = operator.bytes_moved / target.peak("cache_gbytes_per_s")
    return max(compute, traffic) / threads / 1e6


def _peak(product: Products, target: Target) -> float:
    """The best speed of multiply-accumulates of these widths on one core, in Gop/s."""
    planes = product.activation_bits * product.weight_bits
    return max(target.peak("binary_gops_per_core") / planes, target.peak("int8_gops_per_core"))


def roofline_fraction(operators: Iterable[Described], target: Target, threads: int, milliseconds: float) -> float:
    """Least time of all ``operators`` / the time that they take together."""
    return sum(least_ms(operator, target, threads) for operator in operators) / milliseconds
