import torch
from torch import nn

from benchmarks.peers.cases import Network
from benchmarks.peers.sections import macs_of
from benchmarks.peers.twin import Anchors, count_macs, twin
from tvm_bnn.nn import AnchorPool
from tvm_bnn.nn.gate import LearnedGate

SMALL = Network("ecssd", "XS", (64, 96))


def test_the_twin_multiplies_as_often() -> None:
    assert count_macs(SMALL) == macs_of(SMALL)


def test_the_twin_takes_bytes_and_gives_labels() -> None:
    picture = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8)
    with torch.inference_mode():
        labels = twin(SMALL)(picture)
    assert labels.shape == (1, 64, 96)
    assert set(labels.unique().tolist()) <= {0, 1}


def test_norms_and_gates_are_folded() -> None:
    """But where no convolution comes before: the pooled anchors and mean, and what the attention mixed."""
    modules = dict(twin(SMALL).named_modules())
    norms = [name for name, module in modules.items() if isinstance(module, nn.BatchNorm2d)]
    assert norms == ["scores.attention.anchors.1", "scores.attention.norm", "scores.attention.squeeze.1"]
    assert not any(isinstance(module, LearnedGate) for module in modules.values())


def test_the_twin_is_the_same_each_time() -> None:
    first, second = twin(SMALL).state_dict(), twin(SMALL).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_anchors_are_those_of_the_network() -> None:
    x = torch.randn(2, 3, 11, 26)
    torch.testing.assert_close(Anchors((11, 26))(x), AnchorPool()(x))
