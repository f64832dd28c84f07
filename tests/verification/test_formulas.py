import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tvm_bnn.nn import PooledBinaryAttention
from tvm_bnn.verification.formulas import DENSE, OTHERS, POOLED, Shape, dense_bytes

CITYSCAPES, KITTI, ECSSD = (Shape(h, w, 512, 64, 512, 110) for h, w in ((128, 256), (48, 156), (40, 40)))


@pytest.mark.parametrize(
    ("shape", "gmacs", "ratios"),
    [
        (CITYSCAPES, 618.5, (42.8, 56.9, 82.3, 288, 297.9)),
        (KITTI, 32.3, (18.4, 41.4, 18.8, 65.8, 68.1)),
        (ECSSD, 1.47, (10.1, 18.0, 4.0, 14.1, 14.5)),
    ],
)
def test_products_as_published(shape: Shape, gmacs: float, ratios: tuple[float, ...]) -> None:
    """Criss-cross, interlaced, expectation-maximisation, linear, pooled: how many times less than dense."""
    assert DENSE.products(shape) / 1e9 == pytest.approx(gmacs, rel=0.005)
    assert [DENSE.products(shape) / other.products(shape) for other in OTHERS] == pytest.approx(ratios, rel=0.01)


def test_the_dense_block_is_what_torch_counts() -> None:
    """Torch counts matrix products and convolutions, as the formula does."""
    shape = Shape(4, 6, 64, 32, 64, 110)
    block = PooledBinaryAttention(shape.channels, shape.ck, real=True).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        block(torch.zeros(1, shape.channels, shape.height, shape.width))
    assert counter.get_total_flops() == DENSE.block_flops(shape)


def test_pooling_saves_tokens_by_anchors() -> None:
    assert DENSE.products_flops(KITTI) * KITTI.anchors == POOLED.products_flops(KITTI) * KITTI.tokens


def test_all_weights_at_once_take_gigabytes() -> None:
    assert 4 * 2**30 < dense_bytes(CITYSCAPES) < 4.3 * 2**30
