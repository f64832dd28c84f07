"""The segmentation network as an ordinary one of floating point: the same convolutions, everything folded.

It has the layers, maps and channels of the integer network, the attention to pooled anchors included; what its
convolutions multiply are real numbers. Batch norms and learned gates are folded into the convolutions before them, as
a deployment would. Weights are random: only its speed is of interest. Needs torch, and onnx for the export, but not
TVM, so it is made in the Python of the peers.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.peers.cases import Network
from tvm_bnn.models.blocks import BinaryBlock
from tvm_bnn.models.config import Design
from tvm_bnn.models.presets import preset
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import RealConv2d, RPReLU, Uint8Activation
from tvm_bnn.nn.anchors import PYRAMID
from tvm_bnn.nn.gate import ChannelGate, LearnedGate
from tvm_bnn.nn.upsample import UpsampleBranch

_ATTENTION_STRIDE = 8
"""Of the map that the attention works on."""


class Twin(nn.Module):
    """Pictures uint8 [N, H, W, 3] to labels [N, H, W], as the integer network takes and gives them."""

    def __init__(self, scores: SegmentationNet) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, picture: Tensor) -> Tensor:
        """Label every pixel."""
        x = picture.permute(0, 3, 1, 2).to(self.scores.head.weight.dtype)
        labels: Tensor = self.scores(x).argmax(1)
        return labels


class _Activation(nn.Module):
    """The shifted PReLU, in operations that engines have."""

    def __init__(self, learned: RPReLU) -> None:
        super().__init__()
        self.knee = nn.Parameter(learned.knee.detach().view(1, -1, 1, 1))
        self.slope = nn.Parameter(learned.slope.detach())
        self.offset = nn.Parameter(learned.offset.detach().view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Activate ``x``."""
        return functional.prelu(x - self.knee, self.slope) + self.offset


class _Gate(nn.Module):
    """A gate that rounds nothing."""

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        """Scale ``x``."""
        return x * torch.sigmoid(logits)


class Anchors(nn.Module):
    """What :class:`tvm_bnn.nn.AnchorPool` yields, by products with matrices of averages.

    Grids that do not divide the map are exported as thousands of operations otherwise.

    Args:
        size: height and width of the map.
        grids: windows along each axis.
    """

    def __init__(self, size: tuple[int, int], grids: Sequence[int] = PYRAMID) -> None:
        super().__init__()
        self.grids = tuple(grids)
        rows, columns = ([_averages(extent, grid) for grid in grids] for extent in size)
        self.rows = nn.ParameterList([matrix.T.contiguous() for matrix in rows])
        self.columns = nn.Parameter(torch.cat(columns, dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``x`` [N, C, H, W] to [N, C, 1, S]."""
        across = torch.matmul(x, self.columns).split(self.grids, dim=3)
        pools = [torch.matmul(rows, part).flatten(2) for rows, part in zip(self.rows, across, strict=True)]
        return torch.cat(pools, dim=2).unsqueeze(2)


def _averages(extent: int, grid: int) -> Tensor:
    """Matrix [extent, grid]: a vector times it is the averages of its windows."""
    return functional.adaptive_avg_pool1d(torch.eye(extent).unsqueeze(0), grid)[0]


class _Attention(nn.Module):
    """Real attention to anchors, as two products and a softmax."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Mix values: queries [N, Ck, H, W], keys [N, Ck, 1, S] and values [N, Cv, 1, S] give [N, Cv, H, W]."""
        queries, keys, values = (operand.flatten(2) for operand in (query, key, value))
        scores = torch.matmul(queries.transpose(1, 2), keys * keys.shape[1] ** -0.5)
        mixed = torch.matmul(values, scores.softmax(2).transpose(1, 2))
        return mixed.unflatten(2, query.shape[2:])


def twin(network: Network) -> Twin:
    """The folded twin in evaluation mode, with seeded weights."""
    torch.manual_seed(0)
    config = dataclasses.replace(
        preset(network.preset, network.width),
        input_size=network.size,
        design=Design("multi-branch", "pooled", real=True),
    )
    net: Any = SegmentationNet(config).eval()
    # A real twin attends to every position; here it attends to the anchors of the binary network.
    norm = net.attention.squeeze[1]
    size = (network.size[0] // _ATTENTION_STRIDE, network.size[1] // _ATTENTION_STRIDE)
    net.attention.anchors = nn.Sequential(Anchors(size), nn.BatchNorm2d(norm.num_features))
    net.attention.attend = _Attention()
    _replace(net)
    _fold(net)
    return Twin(net).eval()


def _replace(net: nn.Module) -> None:
    """Layers that imitate integers become the ordinary ones."""
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            ordinary = _ordinary(child)
            if ordinary is not None:
                setattr(parent, name, ordinary)


def _ordinary(layer: nn.Module) -> nn.Module | None:
    if isinstance(layer, RealConv2d):
        convolution = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            bias=layer.bias is not None,
        )
        convolution.weight.data = layer.weight.data * layer.input_scale
        return convolution
    if isinstance(layer, RPReLU):
        return _Activation(layer)
    if isinstance(layer, Uint8Activation):
        return nn.ReLU()
    return _Gate() if isinstance(layer, ChannelGate) else None


def _fold(net: nn.Module) -> None:
    for module in list(net.modules()):
        if isinstance(module, nn.Sequential):
            _fold_sequence(module)
        elif isinstance(module, BinaryBlock | UpsampleBranch):
            _fold_norm(module)
        if isinstance(module, UpsampleBranch) and isinstance(module.gate, LearnedGate):
            _fold_gate(module)


def _fold_sequence(sequence: nn.Sequential) -> None:
    for number in range(len(sequence) - 1):
        first, second = sequence[number], sequence[number + 1]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            sequence[number] = fuse_conv_bn_eval(first.eval(), second.eval())
            sequence[number + 1] = nn.Identity()


def _fold_norm(block: Any) -> None:
    block.conv, block.norm = fuse_conv_bn_eval(block.conv.eval(), block.norm.eval()), nn.Identity()


def _fold_gate(branch: Any) -> None:
    convolution, factor = branch.conv, branch.gate.factor.detach()
    convolution.weight.data *= factor.view(-1, 1, 1, 1)
    convolution.bias.data *= factor
    branch.gate = nn.Identity()


def count_macs(network: Network) -> int:
    """Multiply-accumulates of the twin for one picture, counted as shapes run through it; taps in the padding count."""
    counted = 0

    def convolution(layer: nn.Conv2d, _inputs: Any, output: Tensor) -> None:
        nonlocal counted
        counted += output.numel() * math.prod(layer.weight.shape[1:])

    def attention(_layer: nn.Module, inputs: tuple[Tensor, Tensor, Tensor], _output: Tensor) -> None:
        nonlocal counted
        query, key, value = inputs
        counted += math.prod(query.shape[2:]) * math.prod(key.shape[2:]) * (key.shape[1] + value.shape[1])

    module = twin(network).to("meta")
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(convolution)
        elif isinstance(layer, _Attention):
            layer.register_forward_hook(attention)
    with torch.inference_mode():
        module(torch.zeros((1, *network.size, 3), dtype=torch.uint8, device="meta"))
    return counted


def onnx_file(network: Network, folder: Path) -> Path:
    """The twin as an ONNX file; exported once."""
    path = folder / f"{network.name.replace(' ', '-')}.onnx"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        picture = torch.zeros((1, *network.size, 3), dtype=torch.uint8)
        torch.onnx.export(twin(network), (picture,), path, dynamo=True, external_data=False, verbose=False)
    return path
