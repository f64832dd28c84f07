"""A network with an attention, small enough to verify in a test, and its block by hand."""

import torch
from torch import Tensor, nn

from tvm_bnn.nn import PooledBinaryAttention, RealConv2d, RPReLU
from tvm_bnn.ops import AnchorPool, ChannelGate, Conv2d, Epilogue, Operator, PooledAttention
from tvm_bnn.verification.block import Block, blocks

MODEL = "tests.verification.nets:network"


class Attentive(nn.Module):
    stride = 4
    input_size = (32, 48)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(RealConv2d(3, 64, stride=4, picture=True), nn.BatchNorm2d(64), RPReLU(64))
        self.context = PooledBinaryAttention(64, grids=(1, 2))
        self.head = RealConv2d(64, 3, kernel_size=1, bias=True)

    def forward(self, picture: Tensor) -> Tensor:
        scores: Tensor = self.head(self.context(self.stem(picture)))
        return scores


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Attentive().eval()


def block_of(height: int, width: int) -> Block:
    """64 channels, five anchors; without what is done once a picture."""
    signs = Epilogue(outputs=("signs",))
    operators: list[tuple[str, Operator]] = [
        ("net.stem", Conv2d(1, height, width, 64, 64, epilogue=signs)),
        ("net.a.anchors", AnchorPool(1, height, width, 64, grids=(1, 2), epilogue=signs)),
        ("net.a.query", Conv2d(1, height, width, 64, 64, kernel=(1, 1), padding=(0, 0), epilogue=signs)),
        ("net.a.attend", PooledAttention(1, height, width, 5, 64, 64)),
        ("net.a.gate", ChannelGate(1, height, width, 64)),
    ]
    (block,) = blocks(operators)
    return block
