"""Every integer step against the layers it came from, computed in floating point from the integers it read."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from tvm_bnn.nn import BinaryLinear, BinarySign, IntegerNetwork, RealConv2d, RPReLU, Step
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.freezing.anchors import Value
from tvm_bnn.nn.freezing.emit import Emitter
from tvm_bnn.nn.freezing.forms import settle_forms
from tvm_bnn.nn.freezing.fuse import Group
from tvm_bnn.nn.freezing.layers import Add
from tvm_bnn.nn.freezing.plan import plan
from tvm_bnn.nn.freezing.readers import Reader, gates_of, inputs_of, quantisers_in, quantisers_of
from tvm_bnn.nn.freezing.trace import LayerGraph, trace_layers
from tvm_bnn.nn.gate import LearnedGate
from tvm_bnn.nn.island import FloatStep
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
    settle_forms(graph)
    parts = plan(graph)
    emitter = Emitter(graph)
    for part in parts:
        emitter.emit(part)
    groups = [part for part in parts if isinstance(part, Group)]
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
        value = frozen.values.get(group.end)
        real = _dequantised(frozen, group.end, trace) if value and value.id else _forward(frozen, group, trace)
        for reader, quantiser in quantisers_of(frozen.graph, group.end).items():
            wrong = quantiser(real) != _bits(frozen, reader, trace)
            name, _ = quantisers_in(frozen.graph.layers[reader.node])[reader.slot]
            place = str(reader.node.target)
            found[place if name == "quantiser" else f"{place}.{name}"] = float(wrong.double().mean())
    return found


@torch.no_grad()
def logit_errors(frozen: Frozen, image: Tensor) -> dict[str, float]:
    """For every gate the largest error, in sixteenths, of its logits, saturation aside."""
    trace = frozen.network.trace(image)
    found: dict[str, float] = {}
    for group in frozen.groups:
        for reader in gates_of(frozen.graph, group.end):
            exact = _forward(frozen, group, trace).clamp(-8, 127 / 16)
            found[str(reader.node.target)] = 16 * float((exact - _logits(frozen, reader, trace)).abs().max())
    return found


def _forward(frozen: Frozen, group: Group, trace: dict[str, Array]) -> Tensor:
    layers = frozen.graph.layers
    read = [_read(frozen, group, slot, trace) for slot in range(len(group.sources))]
    x = read[0] if group.anchor is None else layers[group.anchor](*read)
    for node in [*group.linear, group.activation]:
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


def _read(frozen: Frozen, group: Group, slot: int, trace: dict[str, Array]) -> Tensor:
    reader = None if group.anchor is None else Reader(group.anchor, slot)
    if reader in gates_of(frozen.graph, group.sources[slot]):
        return _logits(frozen, reader, trace)
    quantiser = quantisers_of(frozen.graph, group.sources[slot]).get(reader) if reader else None
    if reader is None or quantiser is None:
        return _dequantised(frozen, group.sources[slot], trace)
    # Real values that the layer quantises to just the bits that the integer step read.
    integers = _bits(frozen, reader, trace)
    if isinstance(frozen.graph.layers[reader.node], BinaryLinear):
        integers = integers.flatten(1)
    if isinstance(quantiser, BinarySign):
        return integers + quantiser.shift.view(1, -1, *[1] * (integers.dim() - 2))
    return integers * quantiser.step


def _bits(frozen: Frozen, reader: Reader, trace: dict[str, Array]) -> Tensor:
    layer = frozen.graph.layers[reader.node]
    source = inputs_of(reader.node, layer)[reader.slot]
    _, quantiser = quantisers_in(layer)[reader.slot]
    words = trace[_step(frozen, reader).inputs[reader.slot]]
    codes = unpack_codes(words, frozen.values[source].channels, quantiser.bits)
    return torch.from_numpy(decode(codes, quantiser.bits, bipolar=quantiser.bipolar)).movedim(-1, 1).double()


def _logits(frozen: Frozen, reader: Reader, trace: dict[str, Array]) -> Tensor:
    written = torch.from_numpy(trace[_step(frozen, reader).inputs[reader.slot]].astype(np.float64))
    return (written.movedim(-1, 1) - 128) / 16


def _step(frozen: Frozen, reader: Reader) -> Step | FloatStep:
    return next(step for step in frozen.network.steps if step.name == str(reader.node.target))


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
            elif isinstance(layer, LearnedGate):
                normal(layer.logit, 0, 1)
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
