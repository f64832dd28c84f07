"""Attentions on one map by formula: dense, pooled, and what others have put in place of the dense one.

With N = H W tokens of C channels, keys of Ck and values of Cv channels, and S anchors. A multiply-accumulate is 2
FLOPs; exponentials, divisions and comparisons count apart and are no part of these numbers. Everything here is float:
its OPs are its FLOPs. What binary operators cost is theirs to tell (:meth:`tvm_bnn.ops.Operator.cost`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_RECURRENCES = 2
"""Of criss-cross attention: twice through, every position has seen every other."""

_PARTITION = 8
"""Interlaced attention divides the map into 8 x 8 windows."""

_BASES, _ITERATIONS = 64, 3
"""Of expectation-maximisation attention, as published."""


@dataclass(frozen=True)
class Shape:
    """A map ``height`` x ``width`` of ``channels``, keys of ``ck``, values of ``cv`` channels, so many anchors."""

    height: int
    width: int
    channels: int
    ck: int
    cv: int
    anchors: int

    @property
    def tokens(self) -> int:
        """N."""
        return self.height * self.width

    @property
    def projected(self) -> int:
        """Multiply-accumulates that make query, key and value of one token: C (2 Ck + Cv)."""
        return self.channels * (2 * self.ck + self.cv)

    @property
    def gate(self) -> int:
        """Multiply-accumulates of the gate's projection of the map's mean: C Cv."""
        return self.channels * self.cv


@dataclass(frozen=True)
class Formula:
    """One kind of attention.

    Attributes:
        name: as people know it.
        text: multiply-accumulates of the products, as people write them.
        products: the same as a number: scores and weighted values, or what stands for them.
        projections: multiply-accumulates of the projections around them.
    """

    name: str
    text: str
    products: Callable[[Shape], int]
    projections: Callable[[Shape], int]

    def products_flops(self, shape: Shape) -> int:
        """FLOPs of the products."""
        return 2 * self.products(shape)

    def block_flops(self, shape: Shape) -> int:
        """FLOPs of products, projections and gate."""
        return 2 * (self.products(shape) + self.projections(shape) + shape.gate)


DENSE = Formula(
    "dense",
    "N^2 (Ck + Cv)",
    lambda s: s.tokens**2 * (s.ck + s.cv),
    lambda s: s.tokens * s.projected,
)
"""Every token asks every token: non-local attention (Wang et al. 2018) with full softmax."""

POOLED = Formula(
    "pooled, float",
    "N S (Ck + Cv)",
    lambda s: s.tokens * s.anchors * (s.ck + s.cv),
    lambda s: s.tokens * s.channels * s.ck + s.anchors * s.channels * (s.ck + s.cv),
)
"""Keys and values of anchors alone, projections in float: Asymmetric Non-local (Zhu et al. 2019)."""

OTHERS = (
    Formula(
        "criss-cross",
        "2 N (H + W - 1) (Ck + Cv)",
        lambda s: _RECURRENCES * s.tokens * (s.height + s.width - 1) * (s.ck + s.cv),
        lambda s: _RECURRENCES * s.tokens * s.projected,
    ),
    Formula(
        "interlaced 8x8",
        "N (N/64 + 64) (Ck + Cv)",
        lambda s: s.tokens * (s.tokens + _PARTITION**4) * (s.ck + s.cv) // _PARTITION**2,
        lambda s: 2 * s.tokens * s.projected,
    ),
    Formula(
        "EM, 64 bases x 3",
        "7 N 64 Cv",
        lambda s: (2 * _ITERATIONS + 1) * s.tokens * _BASES * s.cv,
        lambda s: 2 * s.tokens * s.channels * s.cv,
    ),
    Formula(
        "linear",
        "2 N Ck Cv",
        lambda s: 2 * s.tokens * s.ck * s.cv,
        lambda s: s.tokens * s.projected,
    ),
    POOLED,
)
"""Criss-cross (Huang et al. 2019), interlaced sparse (Huang et al. 2019), expectation-maximisation (Li et al. 2019) and
linear attention (Katharopoulos et al. 2020), and ours without bits."""


def dense_bytes(shape: Shape) -> int:
    """Bytes of dense attention that materialises its weights: N^2, queries, keys, values and results, all float32."""
    return 4 * shape.tokens * (shape.tokens + 2 * shape.ck + 2 * shape.cv)
