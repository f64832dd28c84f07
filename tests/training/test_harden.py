import torch
from torch import nn

from tvm_bnn.nn import PooledBinaryAttention
from tvm_bnn.training.harden import HARD_FROM, SOFT_UNTIL, soften, softness_at


def test_signs_are_real_first_and_hard_last() -> None:
    steps = 100
    course = [softness_at(step, steps) for step in range(steps)]
    assert course == sorted(course, reverse=True)
    assert set(course[: round(SOFT_UNTIL * steps)]) == {1.0}
    assert set(course[round(HARD_FROM * steps) :]) == {0.0}
    assert len(set(course)) > 20


def test_one_step_alone_counts_as_the_start() -> None:
    assert softness_at(0, 1) == 1


def test_all_signs_of_the_attention_are_softened() -> None:
    network = nn.Sequential(PooledBinaryAttention(8, key_channels=4, grids=(1, 2))).eval()
    x = torch.randn(1, 8, 4, 4)
    hard = network(x)
    soften(network, 1)
    assert not torch.equal(network(x), hard)
    soften(network, 0)
    assert torch.equal(network(x), hard)
