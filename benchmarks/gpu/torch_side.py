"""The same work in torch on the GPU, in bfloat16 and under CUDA graphs, so that launches do not count."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import torch
from torch.nn import functional

from benchmarks.peers.cases import Network
from benchmarks.peers.twin import twin
from tvm_bnn.ops import Conv2d

_TYPE = torch.bfloat16
_INSIDE, _REPEATS = 10, 20
"""Runs that are one graph, and launches of it that are timed."""


def is_there() -> bool:
    """Whether this torch was built for GPUs and finds one."""
    return torch.cuda.is_available()


@torch.inference_mode()
def convolution_ms(conv: Conv2d) -> float:
    """Of a convolution of the same shape, channels last, by cuDNN's fastest algorithm."""
    torch.backends.cudnn.benchmark = True
    pictures = torch.randn(conv.batch, conv.in_channels, conv.height, conv.width, device="cuda", dtype=_TYPE)
    x = pictures.to(memory_format=torch.channels_last)
    weight = torch.randn(conv.out_channels, conv.in_channels // conv.groups, *conv.kernel, device="cuda", dtype=_TYPE)
    last = weight.to(memory_format=torch.channels_last)
    return graph_ms(lambda: functional.conv2d(x, last, None, conv.stride, conv.padding, conv.dilation, conv.groups))


@torch.inference_mode()
def attention_ms(tokens: int, channels: int) -> float:
    """Of dense attention by torch's flash kernels."""
    query, key, value = (torch.randn(1, 1, tokens, channels, device="cuda", dtype=_TYPE) for _ in range(3))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.FLASH_ATTENTION):
        return graph_ms(lambda: functional.scaled_dot_product_attention(query, key, value))


@torch.inference_mode()
def network_ms(network: Network) -> float:
    """Of the network as an ordinary one, compiled by torch."""
    layers = twin(network).to("cuda", _TYPE)
    for parameter in layers.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    net = torch.compile(layers)
    picture = torch.randint(0, 256, (1, *network.size, 3), device="cuda", dtype=torch.uint8)
    return graph_ms(lambda: net(picture))


def graph_ms(run: Callable[[], object]) -> float:
    """Median time of a run, between events around a graph of several."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(_INSIDE):
            run()
    times = []
    for _ in range(_REPEATS):
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        graph.replay()
        ended.record()
        ended.synchronize()
        times.append(began.elapsed_time(ended) / _INSIDE)
    return median(times[1:])
