"""Which layers become one operator."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from tvm_bnn.nn.anchors import AnchorPool
from tvm_bnn.nn.attention import AnchorAttention
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.freezing.layers import ACTIVATIONS, SCALES, Add, operands
from tvm_bnn.nn.freezing.readers import inputs_of
from tvm_bnn.nn.freezing.trace import LayerGraph, place_of
from tvm_bnn.nn.gate import ChannelGate
from tvm_bnn.nn.real import RealConv2d
from tvm_bnn.nn.scores import UpsampleScores
from tvm_bnn.nn.shortcut import RepeatChannels

# Of two operators that could take an addition the later in this list does: it is the costlier to write and read again.
_ANCHORS: tuple[type[nn.Module], ...] = (
    *(nn.AvgPool2d, AnchorPool, nn.Upsample, ChannelGate),
    *(RealConv2d, BinaryLayer, AnchorAttention),
)
_APART = (UpsampleScores, RepeatChannels)


@dataclass
class Group:
    """Layers that become one operator: ``[anchor] -> {norms, at most one addition} -> [activation]``.

    Attributes:
        place: in the user's model.
        anchor: the layer that accumulates; None where a stream is only scaled, added to or activated.
        sources: the values the operator reads, in order.
        end: the value it yields.
        linear: norms, learned gates and the addition, in order.
        activation: the last layer if it is an activation.
        shortcut: the stream that is added.
    """

    place: str
    anchor: fx.Node | None
    sources: list[fx.Node]
    end: fx.Node
    linear: list[fx.Node]
    activation: fx.Node | None = None
    shortcut: fx.Node | None = None

    @property
    def preactivation(self) -> fx.Node:
        """The value before the activation."""
        return self.linear[-1] if self.linear else self.anchor or self.sources[0]


def fuse(graph: LayerGraph) -> list[Group]:
    """Split all layers but repeated channels and the final labels into groups, each after those it reads."""
    position = {node: index for index, node in enumerate(graph.graph.nodes)}
    free = {node for node, layer in graph.layers.items() if not isinstance(layer, _APART)}
    anchors = [node for node in free if isinstance(graph.layers[node], _ANCHORS)]
    anchors.sort(key=lambda node: (-_rank(graph.layers[node]), -position[node]))
    groups = [_grow(graph, _anchored(graph, node), free) for node in anchors]
    for node in sorted(free, key=position.__getitem__):
        if node in free:
            groups.append(_grow(graph, _elementwise(graph, node), free))
    return sorted(groups, key=lambda group: position[group.end])


def _rank(layer: nn.Module) -> int:
    return next(rank for rank, kind in enumerate(_ANCHORS) if isinstance(layer, kind))


def _anchored(graph: LayerGraph, node: fx.Node) -> Group:
    return Group(place_of(node), node, inputs_of(node, graph.layers[node]), node, [])


def _elementwise(graph: LayerGraph, node: fx.Node) -> Group:
    # The wider operand is accumulated and the other added to it, for only a shortcut may be repeated.
    source = min(operands(node), key=lambda operand: isinstance(graph.layers.get(operand), RepeatChannels))
    group = Group(place_of(node), None, [source], source, [])
    _take(graph, group, node)
    return group


def _grow(graph: LayerGraph, group: Group, free: set[fx.Node]) -> Group:
    free.discard(group.end)
    while len(group.end.users) == 1:
        (user,) = group.end.users
        if user not in free or not _take(graph, group, user):
            break
        free.discard(user)
    return group


def _take(graph: LayerGraph, group: Group, node: fx.Node) -> bool:
    layer = graph.layers[node]
    if group.activation is not None:
        return False
    if isinstance(layer, ACTIVATIONS):
        group.activation = node
    elif isinstance(layer, SCALES) or (isinstance(layer, Add) and _take_addition(group, node)):
        group.linear.append(node)
    else:
        return False
    group.end = node
    return True


def _take_addition(group: Group, node: fx.Node) -> bool:
    first, second = operands(node)
    other = second if first is group.end else first
    if group.shortcut is not None or (other is group.end and group.anchor is not None):
        return False
    group.shortcut = other
    return True
