"""Every integer step against the layers it came from, computed in floating point from the integers it read."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from tvm_bnn.nn import BinaryLinear, BinarySign, IntegerNetwork, RealConv2d, RPReLU
from tvm_bnn.nn._anchors import Value
from tvm_bnn.nn._emit import Emitter
from tvm_bnn.nn._fuse import Group, fuse
from tvm_bnn.nn._trace import Add, LayerGraph, trace_layers
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.shortcut import RepeatChannels
from tvm_bnn.ops.bits import decode, unpack_codes
from tvm_bnn.ops.tensors import Array


@dataclass
class Frozen:
    """A frozen network beside the layers it came from."""

    graph: LayerGraph
    groups: list[Group]
    values: dict[fx.Node, Value]
    network: IntegerNetwork


def freeze_with_plan(model: nn.Module, pictures: Tensor) -> Frozen:
    graph = trace_layers(model.double().eval(), pictures.double())
    groups = fuse(graph)
    emitter = Emitter(graph)
    for group in groups:
        emitter.emit(group)
    return Frozen(graph, groups, emitter.values, emitter.network(1))


@torch.no_grad()
def stream_errors(frozen: Frozen, image: Tensor) -> dict[str, float]:
    """Largest error, in its units, of the stream or byte of every step that writes one, saturation aside."""
    trace = frozen.network.trace(image)
    found: dict[str, float] = {}
    for group in frozen.groups:
        value = frozen.values[group.end]
        if value.id:
            exact = _forward(frozen, group, trace).movedim(1, -1).numpy() * 2.0**value.fraction
            found[value.id] = float(np.abs(np.clip(exact, -(2**15), 2**15 - 1) - trace[value.id]).max())
    return found


@torch.no_grad()
def bit_errors(frozen: Frozen, image: Tensor) -> dict[str, float]:
    """For every binary layer the share of its input that differs from what the layer itself would have quantised."""
    trace = frozen.network.trace(image)
    found: dict[str, float] = {}
    for group in frozen.groups:
        value = frozen.values[group.end]
        real = _dequantised(frozen, group.end, trace) if value.id else _forward(frozen, group, trace)
        for reader in group.end.users:
            layer = frozen.graph.layers.get(reader)
            if isinstance(layer, BinaryLayer):
                wrong = layer.quantiser(real) != _bits(frozen, reader, trace)
                found[str(reader.target)] = float(wrong.double().mean())
    return found


def _forward(frozen: Frozen, group: Group, trace: dict[str, Array]) -> Tensor:
    layers = frozen.graph.layers
    x = _read(frozen, group, trace)
    for node in [group.anchor, *group.linear, group.activation]:
        if node is None:
            continue
        layer = layers[node]
        x = x + _shortcut(frozen, group, trace) if isinstance(layer, Add) else layer(x)
    return x


def _shortcut(frozen: Frozen, group: Group, trace: dict[str, Array]) -> Tensor:
    assert group.shortcut is not None
    repeat = frozen.graph.layers.get(group.shortcut)
    if isinstance(repeat, RepeatChannels):
        repeated: Tensor = repeat(_dequantised(frozen, group.shortcut.all_input_nodes[0], trace))
        return repeated
    return _dequantised(frozen, group.shortcut, trace)


def _read(frozen: Frozen, group: Group, trace: dict[str, Array]) -> Tensor:
    layer = None if group.anchor is None else frozen.graph.layers[group.anchor]
    if group.anchor is None or not isinstance(layer, BinaryLayer):
        return _dequantised(frozen, group.source, trace)
    # Real values that the layer quantises to just the bits that the integer step read.
    integers = _bits(frozen, group.anchor, trace)
    if isinstance(layer, BinaryLinear):
        integers = integers.flatten(1)
    if isinstance(layer.quantiser, BinarySign):
        return integers + layer.quantiser.shift.view(1, -1, *[1] * (integers.dim() - 2))
    return integers * layer.quantiser.step


def _bits(frozen: Frozen, reader: fx.Node, trace: dict[str, Array]) -> Tensor:
    layer = frozen.graph.layers[reader]
    assert isinstance(layer, BinaryLayer)
    step = next(step for step in frozen.network.steps if step.name == str(reader.target))
    source = frozen.values[reader.all_input_nodes[0]]
    codes = unpack_codes(trace[step.inputs[0]], source.channels, layer.activation_bits)
    integers = decode(codes, layer.activation_bits, bipolar=layer.quantiser.bipolar)
    return torch.from_numpy(integers).movedim(-1, 1).double()


def _dequantised(frozen: Frozen, node: fx.Node, trace: dict[str, Array]) -> Tensor:
    value = frozen.values[node]
    return torch.from_numpy(trace[value.id].astype(np.float64) * 2.0**-value.fraction).movedim(-1, 1)


def randomise(model: nn.Module, pictures: Tensor, seed: int = 0) -> None:
    """Give parameters values as after training, and batch norms the statistics of ``pictures``."""
    generator = torch.Generator().manual_seed(seed)

    def normal(parameter: Tensor, mean: float, deviation: float) -> None:
        parameter.copy_(mean + deviation * torch.randn(parameter.shape, generator=generator))

    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.momentum = 1.0
                if layer.affine:
                    normal(layer.weight, 0.5, 0.5)
                    normal(layer.bias, 0, 0.3)
            elif isinstance(layer, BinarySign):
                normal(layer.shift, 0, 0.2)
            elif isinstance(layer, BinaryLayer):
                normal(layer.weight, 0, 0.1)
                layer.reset_scale()
                layer.scale[::3] *= -1
            elif isinstance(layer, RPReLU):
                normal(layer.knee, 0, 0.2)
                normal(layer.slope, 0.2, 0.3)
                normal(layer.offset, 0, 0.2)
            elif isinstance(layer, RealConv2d):
                normal(layer.weight, 0, 0.2)
        model.train()(pictures)
        model.eval()
