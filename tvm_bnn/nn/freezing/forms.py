"""Which layers of a network really become integers: those whose settings, inputs and readers allow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx, nn

from tvm_bnn.nn.activation import LARGEST_SLOPE, RPReLU, Uint8Activation
from tvm_bnn.nn.anchors import AnchorPool
from tvm_bnn.nn.attention import AnchorAttention
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.freezing.exact import inexact_nodes
from tvm_bnn.nn.freezing.fold import reals
from tvm_bnn.nn.freezing.layers import ACTIVATIONS, NORMS, Add, operands
from tvm_bnn.nn.freezing.readers import inputs_of
from tvm_bnn.nn.freezing.trace import LayerGraph, unsupported
from tvm_bnn.nn.gate import ChannelGate, LearnedGate
from tvm_bnn.nn.linear import BinaryLinear
from tvm_bnn.nn.real import RealConv2d
from tvm_bnn.nn.scores import UpsampleScores
from tvm_bnn.nn.shortcut import RepeatChannels

_MAP, _ROW = 4, 2
_LABELS = range(2, 257)

Rule = Callable[[LayerGraph, fx.Node, Any], bool]


def settle_forms(graph: LayerGraph) -> None:
    """Make every layer ordinary that integers cannot do, and those that only ordinary nodes surround.

    A layer without weights of few bits that reads nothing but what torch has rounded already gains nothing from
    integers: after an ordinary convolution, its batch norm and activation stay with it. Layers that move no data
    between integers vanish.

    Raises:
        UsageError: a layer with weights of few bits that reads values of a shape it cannot take.
    """
    while True:
        inexact = inexact_nodes(graph)
        declined = [node for node, layer in graph.layers.items() if not _fits(graph, node, layer, inexact)]
        if not declined:
            break
        for node in declined:
            del graph.layers[node]
    _check_ranks(graph)
    _drop_flattens(graph)


def _fits(graph: LayerGraph, node: fx.Node, layer: nn.Module, inexact: set[fx.Node]) -> bool:
    if isinstance(layer, BinaryLayer | RealConv2d):
        return True
    floats = all(graph.is_ordinary(value) for value in node.all_input_nodes)
    if floats and not inexact.isdisjoint(node.all_input_nodes) and isinstance(layer, _EITHER):
        return False
    shaped = all(len(graph.shapes.get(value, ())) in (_MAP, _ROW) for value in node.all_input_nodes)
    return shaped and all(rule(graph, node, layer) for kinds, rule in _RULES if isinstance(layer, kinds))


def _norm_fits(_graph: LayerGraph, _node: fx.Node, layer: nn.BatchNorm2d | nn.BatchNorm1d) -> bool:
    return layer.running_var is not None


def _slope_fits(_graph: LayerGraph, _node: fx.Node, layer: nn.PReLU) -> bool:
    return bool(abs(reals(layer.weight)).max() <= LARGEST_SLOPE)


def _anchors_fit(graph: LayerGraph, node: fx.Node, _layer: AnchorPool) -> bool:
    return _streams(graph, node)


def _pool_fits(graph: LayerGraph, node: fx.Node, layer: nn.AvgPool2d) -> bool:
    plain = layer.padding in (0, (0, 0)) and not layer.ceil_mode and layer.divisor_override is None
    return plain and isinstance(layer.kernel_size, int) and layer.stride == layer.kernel_size and _streams(graph, node)


def _upsample_fits(graph: LayerGraph, node: fx.Node, layer: nn.Upsample) -> bool:
    doubled = layer.size is None and layer.scale_factor in (2, 2.0, (2, 2), (2.0, 2.0))
    return doubled and layer.mode == "bilinear" and not layer.align_corners and _streams(graph, node)


def _scores_fit(graph: LayerGraph, node: fx.Node, _layer: UpsampleScores) -> bool:
    last = node is graph.output and len(node.users) == 1
    return last and graph.shapes[node][1] in _LABELS and _streams(graph, node)


def _addition_fits(graph: LayerGraph, node: fx.Node, _layer: Add) -> bool:
    first, second = operands(node)
    repeated = [isinstance(graph.layers.get(value), RepeatChannels) for value in (first, second)]
    return graph.shapes[first] == graph.shapes[second] and not all(repeated) and _streams(graph, node)


def _repeat_fits(graph: LayerGraph, node: fx.Node, _layer: RepeatChannels) -> bool:
    return _streams(graph, node) and all(isinstance(graph.layers.get(user), Add) for user in node.users)


def _gate_fits(graph: LayerGraph, node: fx.Node, layer: ChannelGate) -> bool:
    x, logits = (graph.shapes[value] for value in inputs_of(node, layer))
    return len(x) == _MAP and logits == (*x[:2], 1, 1) and _streams(graph, node)


def _attention_fits(graph: LayerGraph, node: fx.Node, layer: AnchorAttention) -> bool:
    # Anchors lie in a row.
    return all(graph.shapes[value][2] == 1 for value in inputs_of(node, layer)[1:]) and _streams(graph, node)


def _flatten_fits(graph: LayerGraph, node: fx.Node, _layer: nn.Flatten) -> bool:
    before = graph.shapes[node.all_input_nodes[0]]
    # The memory of a map of one pixel is that of a row; any other map would have to be transposed.
    return graph.shapes[node] in (before, before[:2]) and not any(graph.is_ordinary(u) for u in node.users)


def _streams(graph: LayerGraph, node: fx.Node) -> bool:
    """Whether ``node`` reads neither the picture nor bytes."""
    return not any(
        value is graph.picture or isinstance(graph.layers.get(value), Uint8Activation) for value in node.all_input_nodes
    )


_RULES: tuple[tuple[type[nn.Module] | tuple[type[nn.Module], ...], Rule], ...] = (
    (NORMS, _norm_fits),
    (nn.PReLU, _slope_fits),
    (nn.AvgPool2d, _pool_fits),
    (nn.Upsample, _upsample_fits),
    (UpsampleScores, _scores_fit),
    (AnchorPool, _anchors_fit),
    (ChannelGate, _gate_fits),
    (AnchorAttention, _attention_fits),
    (Add, _addition_fits),
    (RepeatChannels, _repeat_fits),
    (nn.Flatten, _flatten_fits),
)

_EITHER = (*NORMS, LearnedGate, RPReLU, nn.ReLU, nn.PReLU, nn.AvgPool2d, nn.Upsample, nn.Flatten, Add)
assert {Uint8Activation} == set(ACTIVATIONS) - set(_EITHER)


def _check_ranks(graph: LayerGraph) -> None:
    for node, layer in graph.layers.items():
        if isinstance(layer, BinaryLayer | RealConv2d):
            wanted = _ROW if isinstance(layer, BinaryLinear) else _MAP
            shape = graph.shapes[node.all_input_nodes[0]]
            if len(shape) != wanted:
                axes = "rows [N, C]" if wanted == _ROW else "maps [N, C, H, W]"
                what = f"{type(layer).__name__} of values {list(shape)}"
                raise unsupported(node, what, f"reshape to {axes} in front of it, and back behind it")


def _drop_flattens(graph: LayerGraph) -> None:
    for node in [node for node, layer in graph.layers.items() if isinstance(layer, nn.Flatten)]:
        node.replace_all_uses_with(node.all_input_nodes[0])
        graph.graph.erase_node(node)
        del graph.layers[node]
