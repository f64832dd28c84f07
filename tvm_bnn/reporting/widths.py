"""Multiply-accumulates of a network by the bits of activation and weight."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tvm_bnn.ops.base import MOST_BINARY_BITS, Products
from tvm_bnn.reporting.facts import NetworkFacts


@dataclass(frozen=True)
class Share:
    """What all multiply-accumulates of one pair of widths amount to; shares 0..1 of the network."""

    activation_bits: int
    weight_bits: int
    macs: int
    ops: float
    macs_share: float
    ops_share: float

    @property
    def label(self) -> str:
        """``1 x 1 bit``."""
        return f"{self.activation_bits} x {self.weight_bits} bit"

    @property
    def binary(self) -> bool:
        """Whether the weights are of one or two bits."""
        return self.weight_bits <= MOST_BINARY_BITS


def shares(facts: NetworkFacts) -> list[Share]:
    """Of each pair of widths that occurs, the narrowest first."""
    macs: Counter[tuple[int, int]] = Counter()
    for products in facts.products.values():
        for product in products:
            macs[product.activation_bits, product.weight_bits] += product.macs
    ops = {bits: Products(number, *bits).ops for bits, number in macs.items()}
    all_macs, all_ops = sum(macs.values()) or 1, sum(ops.values()) or 1.0
    return [
        Share(*bits, macs[bits], ops[bits], macs[bits] / all_macs, ops[bits] / all_ops)
        for bits in sorted(macs, key=lambda bits: bits[0] * bits[1])
    ]
