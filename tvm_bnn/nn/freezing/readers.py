"""Who reads a value, and as what: the stream, bits, or the logits of a gate."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from torch import fx, nn

from tvm_bnn.nn.attention import AnchorAttention
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.freezing.trace import LayerGraph
from tvm_bnn.nn.gate import ChannelGate
from tvm_bnn.nn.quantise import ActivationCodes
from tvm_bnn.nn.sign import BinarySign

Quantiser = BinarySign | ActivationCodes

LOGITS_SLOT = 1


@dataclass(frozen=True)
class Reader:
    """One input of a layer.

    Attributes:
        node: the layer.
        slot: which of its inputs.
    """

    node: fx.Node
    slot: int


def inputs_of(node: fx.Node, layer: nn.Module) -> list[fx.Node]:
    """The values that ``layer`` is called with, in the order of its signature."""
    bound = inspect.signature(layer.forward).bind(*node.args, **node.kwargs)
    return [value for value in bound.args if isinstance(value, fx.Node)]


def quantisers_in(layer: nn.Module | None) -> list[tuple[str, Quantiser]]:
    """How a layer quantises its inputs, one after the other, with the names of the quantisers; none if it does not."""
    if isinstance(layer, BinaryLayer):
        return [("quantiser", layer.quantiser)]
    if isinstance(layer, AnchorAttention):
        names = ("query_quantiser", "key_quantiser", "value_quantiser")
        return [(name, getattr(layer, name)) for name in names]
    return []


def readers_of(graph: LayerGraph, node: fx.Node) -> list[Reader]:
    """Every input of a layer that is ``node``."""
    users = [(user, graph.layers[user]) for user in node.users if user in graph.layers]
    return [
        Reader(user, slot)
        for user, layer in users
        if isinstance(layer, BinaryLayer | AnchorAttention | ChannelGate)
        for slot, value in enumerate(inputs_of(user, layer))
        if value is node
    ]


def quantisers_of(graph: LayerGraph, node: fx.Node) -> dict[Reader, Quantiser]:
    """The readers of bits of ``node``, with how they quantise it."""
    found = {}
    for reader in readers_of(graph, node):
        quantisers = quantisers_in(graph.layers[reader.node])
        if quantisers:
            found[reader] = quantisers[reader.slot][1]
    return found


def gates_of(graph: LayerGraph, node: fx.Node) -> list[Reader]:
    """The gates whose logits ``node`` is."""
    gates = (reader for reader in readers_of(graph, node) if isinstance(graph.layers[reader.node], ChannelGate))
    return [reader for reader in gates if reader.slot == LOGITS_SLOT]


def reads_stream(graph: LayerGraph, node: fx.Node) -> bool:
    """Whether anything reads the real numbers of ``node`` rather than bits or logits."""
    packed = {reader.node for reader in [*quantisers_of(graph, node), *gates_of(graph, node)]}
    plain = [reader for reader in readers_of(graph, node) if isinstance(graph.layers[reader.node], ChannelGate)]
    return bool(set(node.users) - packed) or any(reader.slot != LOGITS_SLOT for reader in plain)
