"""Which ordinary operators give the same bits on every target: those that only move values or pick among them."""

from __future__ import annotations

from typing import Any

from torch import fx, nn

from tvm_bnn.nn.freezing.trace import LayerGraph
from tvm_bnn.nn.shortcut import RepeatChannels

_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.Hardtanh),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool2d),
    *(nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d),
    *(nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, RepeatChannels),
)

_FUNCTIONS = frozenset(
    (
        *("cat", "concat", "concatenate", "stack", "chunk", "split", "narrow", "getitem", "index_select"),
        *("permute", "transpose", "movedim", "flip", "roll", "repeat", "expand", "pad"),
        *("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "float"),
        *("relu", "relu6", "hardtanh", "clamp", "clip", "maximum", "minimum"),
        *("max_pool1d", "max_pool2d", "adaptive_max_pool2d", "pixel_shuffle", "pixel_unshuffle"),
    )
)


def function_name(node: fx.Node, model: nn.Module) -> str:
    """What a node computes: the class of its module, or the name of the function, without the mark of being in place.

    Sizes and parameters that are only looked up are called ``getattr``.
    """
    if node.op == "call_module":
        return type(model.get_submodule(str(node.target))).__name__
    if node.op == "get_attr":
        return "getattr"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return name.rstrip("_")


def inexact_nodes(graph: LayerGraph) -> set[fx.Node]:
    """The ordinary nodes whose values may differ from target to target, seen from the integers that they are made of.

    One is inexact if its operator rounds or reads what has been rounded.
    """
    found: set[fx.Node] = set()
    for node in graph.graph.nodes:
        if graph.is_ordinary(node) and node not in graph.numbers and (_rounds(graph, node) or _touched(node, found)):
            found.add(node)
    return found


def rounding_functions(graph: LayerGraph, nodes: list[fx.Node]) -> tuple[str, ...]:
    """Names of the operators among ``nodes`` that make a result differ from target to target, each once."""
    names = (function_name(n, graph.model) for n in nodes if n not in graph.numbers and _rounds(graph, n))
    return tuple(dict.fromkeys(names))


def _touched(node: fx.Node, inexact: set[fx.Node]) -> bool:
    return not inexact.isdisjoint(node.all_input_nodes)


def _rounds(graph: LayerGraph, node: fx.Node) -> bool:
    if node.op == "get_attr":
        return False
    module = graph.model.get_submodule(str(node.target)) if node.op == "call_module" else None
    if isinstance(module, nn.Upsample):
        return module.mode != "nearest" or not _enlarges_evenly(graph, node)
    if module is not None:
        return not isinstance(module, _MODULES)
    name = function_name(node, graph.model)
    if name == "interpolate":
        return _mode(node) != "nearest" or not _enlarges_evenly(graph, node)
    return name not in _FUNCTIONS


def _mode(node: fx.Node) -> Any:
    return node.args[3] if len(node.args) > 3 else node.kwargs.get("mode")


def _enlarges_evenly(graph: LayerGraph, node: fx.Node) -> bool:
    """Whether every pixel is repeated the same whole number of times: no position is then rounded."""
    before, after = graph.shapes[node.all_input_nodes[0]], graph.shapes[node]
    return all(large % small == 0 for small, large in zip(before, after, strict=True))
