"""How near an operator comes to what the target could do at best.

The least time is that of the best lowering there could be on the target, not of the one in use: the
multiply-accumulates at their highest peak, or the compulsory bytes, whichever takes longer. The bytes are priced at
the bandwidth of the second-level cache: between two operators of a network a map may well stay in the caches, so the
memory's bandwidth would be no bound.

On a GPU with tensor cores for single bits no popcount comes near them. NVIDIA publishes their peak of some GPUs only;
of the others nothing is known to be the least time of products of bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm_bnn.ops.base import Described, Products
from tvm_bnn.targets import Target

_BITWISE, _BITS_OF_TENSOR_CORES = "binary_gops_per_core", "tensor_binary_gops_per_core"
_BYTEWISE = ("int8_gops_per_core", "amx_int8_gops_per_core", "tensor_int8_gops_per_core")
"""Facts that are speeds of 8-bit multiply-accumulates; a target need not have all of them."""
_BYTE = 64
"""Products of bits in one of 8 x 8 bits: for as many, 8-bit tensor cores are taken to be the faster ones."""


def least_ms(operator: Described, target: Target, threads: int) -> float:
    """The least time, in milliseconds, that ``target`` could need with so many cores, by the peaks that are known.

    A multiply-accumulate of a x w bits takes a w one-bit ones, or one of 8 bits, by vectors, tiles or tensor cores; the
    fastest counts.
    """
    compute = sum(2 * product.macs / _peak(product, target) for product in operator.cost().products)
    traffic = operator.bytes_moved / target.peak("cache_gbytes_per_s")
    return max(compute, traffic) / threads / 1e6


def _peak(product: Products, target: Target) -> float:
    """The best speed of multiply-accumulates of these widths on one core, in Gop/s."""
    planes = product.activation_bits * product.weight_bits
    bytewise = [target.peak(name) for name in _BYTEWISE if name in target.facts]
    bitwise = [target.peak(name) for name in (_BITWISE, _BITS_OF_TENSOR_CORES) if name in target.facts]
    return max(max(bitwise) / planes, *bytewise)


def is_known(operator: Described, target: Target) -> bool:
    """Whether the peaks that bound an operator are."""
    if target.cuda is None or not target.cuda.has_binary_tensor_cores or _BITS_OF_TENSOR_CORES in target.facts:
        return True
    return all(product.activation_bits * product.weight_bits >= _BYTE for product in operator.cost().products)


def roofline_fraction(
    operators: Sequence[Described], target: Target, threads: int, milliseconds: float
) -> float | None:
    """Least time of all ``operators`` / the time that they take together; None where the least time is unknown."""
    if not all(is_known(operator, target) for operator in operators):
        return None
    return sum(least_ms(operator, target, threads) for operator in operators) / milliseconds
