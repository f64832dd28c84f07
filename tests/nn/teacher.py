"""Every integer step against the layers it came from, computed in floating point from the integers it read."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from tvm_bnn.nn import BinarySign, IntegerNetwork
from tvm_bnn.nn._anchors import Value
from tvm_bnn.nn._emit import Emitter
from tvm_bnn.nn._fuse import Group, fuse
from tvm_bnn.nn._trace import Add, LayerGraph, trace_layers
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.shortcut import RepeatChannels
from tvm_bnn.ops.base import Array
from tvm_bnn.ops.bits import decode, unpack_codes


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
def errors(frozen: Frozen, image: Tensor) -> dict[str, float]:
    """Largest error of every stream or byte, in its units, and share of wrong signs where only signs are written."""
    trace = frozen.network.trace(image)
    found: dict[str, float] = {}
    for group in frozen.groups:
        step = _step(frozen, group)
        expected = _forward(frozen, group, trace)
        value = frozen.values[group.end]
        if value.id:
            exact = expected.movedim(1, -1).numpy() * 2.0**value.fraction
            found[step] = float(np.abs(np.clip(exact, -(2**15), 2**15 - 1) - trace[value.id]).max())
        else:
            reader = next(node for node in group.end.users if isinstance(frozen.graph.layers[node], BinaryLayer))
            bits = _bits(frozen, reader, trace)
            layer = frozen.graph.layers[reader]
            assert isinstance(layer, BinaryLayer)
            found[step] = float((layer.quantiser(expected) != bits).double().mean())
    return found


def _step(frozen: Frozen, group: Group) -> str:
    return next(step.name for step in frozen.network.steps if step.name.split("#")[0] == group.place)


def _forward(frozen: Frozen, group: Group, trace: dict[str, Array]) -> Tensor:
    layers = frozen.graph.layers
    x = _real(frozen, group.anchor or group.source, group.source, trace)
    for node in [group.anchor, *group.linear, group.activation]:
        if node is None:
            continue
        layer = layers[node]
        if not isinstance(layer, Add):
            x = layer(x)
            continue
        assert group.shortcut is not None
        repeat = layers.get(group.shortcut)
        if isinstance(repeat, RepeatChannels):
            x = x + repeat(_dequantised(frozen, group.shortcut.all_input_nodes[0], trace))
        else:
            x = x + _dequantised(frozen, group.shortcut, trace)
    return x


def _real(frozen: Frozen, reader: fx.Node, source: fx.Node, trace: dict[str, Array]) -> Tensor:
    layer = frozen.graph.layers.get(reader)
    if frozen.values[source].id or not isinstance(layer, BinaryLayer):
        return _dequantised(frozen, source, trace)
    # Only bits are there: any real value will do that is quantised to them.
    integers = _bits(frozen, reader, trace)
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
