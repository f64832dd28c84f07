"""What is promised of the presets at their own sizes, at any width."""

from __future__ import annotations

from dataclasses import dataclass

from tvm_bnn.models.load import LoadedModel
from tvm_bnn.models.presets import PRESETS


@dataclass(frozen=True)
class Promise:
    """What the ratios to dense attention must reach.

    Attributes:
        products_flops: how many times fewer FLOPs the products take.
        block_ops: how many times fewer OPs the whole block takes.
    """

    products_flops: float
    block_ops: float


PROMISES = {
    "cityscapes": Promise(290, 100),
    "kitti-road": Promise(60, 100),
    # 1600 tokens and 110 anchors: pooling alone cannot save more than 1600 / 110 of the products.
    "ecssd": Promise(14, 100),
}


def promised(model: LoadedModel) -> Promise | None:
    """The promise for a preset or a checkpoint of one, or None: another network, or another size."""
    sizes = {PRESETS[name].input_size: promise for name, promise in PROMISES.items()}
    return sizes.get(model.input_size) if model.width else None
