"""torch without a compiler: fp32, bf16 and int8 convolutions by oneDNN, maps with channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.cases import Layer, Network, case_from_dict, difference
from benchmarks.peers.clock import Call, Calls, Differences
from benchmarks.peers.server import Prepared

_SCALE = 0.02


def prepare(case: dict[str, Any], options: dict[str, Any], threads: int) -> Prepared:
    """A layer or a network; options: ``precision``."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    wanted, precision = case_from_dict(case), str(options["precision"])
    if isinstance(wanted, Network):
        return Calls(_network(wanted, precision))
    chain = difference(wanted)
    longer, shorter = (_CHAINS[precision](layers) for layers in (chain.longer, chain.shorter))
    return Differences(longer, shorter, chain.count)


def _network(network: Network, precision: str) -> Call:
    from benchmarks.peers.twin import twin

    module = _channels_last(twin(network))
    picture = torch.randint(0, 256, (1, *network.size, 3), dtype=torch.uint8)
    return _inference(module.bfloat16() if precision == "bf16" else module, picture)


def _channels_last(module: nn.Module) -> nn.Module:
    # The signature of Module.to does not tell of memory formats.
    to: Any = module.to
    last: nn.Module = to(memory_format=torch.channels_last)
    return last


def _inference(module: nn.Module, x: Tensor) -> Call:
    module.eval()

    def call() -> Tensor:
        with torch.inference_mode():
            result: Tensor = module(x)
            return result

    return call


def _map(layer: Layer) -> Tensor:
    x = torch.rand(1, layer.in_channels, layer.height, layer.width)
    return x.to(memory_format=torch.channels_last)


def _real(layers: tuple[Layer, ...], dtype: torch.dtype) -> Call:
    convolutions = [
        nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel,
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
            bias=False,
        )
        for layer in layers
    ]
    module = _channels_last(nn.Sequential(*convolutions))
    return _inference(module.to(dtype), _map(layers[0]).to(dtype))


def _int8(layers: tuple[Layer, ...]) -> Call:
    torch.backends.quantized.engine = "onednn"
    steps = [_prepacked(layer) for layer in layers]
    x = torch.quantize_per_tensor(_map(layers[0]), _SCALE, 0, torch.quint8)

    def call() -> Tensor:
        value = x
        for packed in steps:
            value = torch.ops.quantized.conv2d(value, packed, _SCALE, 0)
        return value

    return call


def _prepacked(layer: Layer) -> Any:
    weight = torch.quantize_per_tensor(torch.randn(layer.weight_shape), _SCALE, 0, torch.qint8)
    window = [[number] * 2 for number in (layer.stride, layer.padding, layer.dilation)]
    return torch.ops.quantized.conv2d_prepack(weight, None, *window, layer.groups)


_CHAINS: dict[str, Callable[[tuple[Layer, ...]], Call]] = {
    "fp32": lambda layers: _real(layers, torch.float32),
    "bf16": lambda layers: _real(layers, torch.bfloat16),
    "int8": _int8,
}
