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

_BYTEWISE = ("int8_gops_per_core", "amx_int8_gops_per_core")
"""Facts that are speeds of 8-bit multiply-accumulates; a target need not have all of them."""


def least_ms(operator: Described, target: Target, threads: int) -> float:
    """The least time, in milliseconds, that ``target`` could need with so many cores.

    A multiply-accumulate of a x w bits takes a w one-bit ones by popcount, or one of 8 bits, by vectors or by tiles;
    the fastest counts.
    """
    compute = sum(2 * product.macs / _peak(product, target) for product in operator.cost().products)
    traffic = operator.bytes_moved / target.peak("cache_gbytes_per_s")
    return max(compute, traffic) / threads / 1e6


def _peak(product: Products, target: Target) -> float:
    """The best speed of multiply-accumulates of these widths on one core, in Gop/s."""
    planes = product.activation_bits * product.weight_bits
    bytewise = (target.peak(name) for name in _BYTEWISE if name in target.facts)
    return max(target.peak("binary_gops_per_core") / planes, *bytewise)


def roofline_fraction(operators: Iterable[Described], target: Target, threads: int, milliseconds: float) -> float:
    """Least time of all ``operators`` / the time that they take together."""
    return sum(least_ms(operator, target, threads) for operator in operators) / milliseconds
