"""A torch network as a graph of layers, with the sizes and peaks that a calibration run saw."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.activation import RPReLU, Uint8Activation
from tvm_bnn.nn.conv import BinaryConv2d
from tvm_bnn.nn.linear import BinaryLinear
from tvm_bnn.nn.real import RealConv2d
from tvm_bnn.nn.scores import UpsampleScores
from tvm_bnn.nn.shortcut import RepeatChannels


class Add(nn.Module):
    """Stands for the addition of two streams."""


LAYERS: tuple[type[nn.Module], ...] = (
    BinaryConv2d,
    BinaryLinear,
    RealConv2d,
    RPReLU,
    Uint8Activation,
    UpsampleScores,
    RepeatChannels,
    nn.BatchNorm2d,
    nn.BatchNorm1d,
    nn.AvgPool2d,
    nn.Upsample,
    nn.ReLU,
    nn.PReLU,
    nn.Flatten,
    nn.Identity,
    Add,
)
"""Everything that can be frozen, as modules; functions are read as the module that does the same."""

_FUNCTIONS: dict[Callable[..., Any] | str, Callable[[], nn.Module]] = {
    operator.add: Add,
    operator.iadd: Add,
    torch.add: Add,
    "add": Add,
    "add_": Add,
    torch.relu: nn.ReLU,
    functional.relu: nn.ReLU,
    "relu": nn.ReLU,
    torch.flatten: nn.Flatten,
    "flatten": nn.Flatten,
}

_VANISHING = (nn.Identity, nn.Flatten)
SUPPORTED = ", ".join(layer.__name__ for layer in LAYERS[:-1]) + " and + of two streams"


@dataclass
class LayerGraph:
    """Layers in the order of computation.

    Attributes:
        graph: of torch.fx; nodes are the identities of values.
        layers: the module of every node but the picture and the output.
        shapes: shape of every value in the calibration run, [N, C, ...].
        peaks: largest magnitude of every value in the calibration run.
    """

    graph: fx.Graph
    layers: dict[fx.Node, nn.Module]
    shapes: dict[fx.Node, tuple[int, ...]] = field(default_factory=dict)
    peaks: dict[fx.Node, float] = field(default_factory=dict)

    @property
    def picture(self) -> fx.Node:
        """The input."""
        return next(node for node in self.graph.nodes if node.op == "placeholder")

    @property
    def output(self) -> fx.Node:
        """The value that is returned."""
        return self.output_node.all_input_nodes[0]

    @property
    def output_node(self) -> fx.Node:
        """The node that returns."""
        return next(node for node in self.graph.nodes if node.op == "output")


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LAYERS) or super().is_leaf_module(m, module_qualified_name)


class _Observer(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}
        self.peaks: dict[fx.Node, float] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor) and n.op != "output":
            self.shapes[n] = tuple(result.shape)
            self.peaks[n] = float(result.abs().max())
        return result


def place_of(node: fx.Node) -> str:
    """Where a node comes from: the path of its module, or of the module whose code calls the function."""
    if node.op == "call_module":
        return str(node.target)
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values() if path]
    return paths[-1] if paths else "the network itself"


def unsupported(node: fx.Node, what: str) -> UsageError:
    """The error for something that cannot be frozen."""
    return UsageError(f"cannot freeze {what} at {place_of(node)}", f"supported: {SUPPORTED}")


def trace_layers(model: nn.Module, pictures: Tensor) -> LayerGraph:
    """Trace ``model``, run it on ``pictures`` [N, C, H, W], and drop the layers that move no data.

    Raises:
        UsageError: something that cannot be frozen, with its place in the model.
    """
    try:
        graph = _Tracer().trace(model)
    except torch.fx.proxy.TraceError as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"cannot freeze {type(model).__name__}: {reason}", "the order of layers must not depend on values"
        ) from error
    _drop_unread(graph)
    result = LayerGraph(graph, _layers(graph, model))
    _check_ends(result)
    observer = _Observer(fx.GraphModule(model, graph))
    with torch.no_grad():
        observer.run(pictures)
    result.shapes, result.peaks = observer.shapes, observer.peaks
    _drop_vanishing(result)
    return result


def _drop_unread(graph: fx.Graph) -> None:
    for node in reversed(graph.nodes):
        if node.op not in ("placeholder", "output") and not node.users:
            graph.erase_node(node)


def _layers(graph: fx.Graph, model: nn.Module) -> dict[fx.Node, nn.Module]:
    nodes = (node for node in graph.nodes if node.op not in ("placeholder", "output"))
    return {node: _layer(node, model) for node in nodes}


def _layer(node: fx.Node, model: nn.Module) -> nn.Module:
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        if not isinstance(module, LAYERS):
            raise unsupported(node, type(module).__name__)
        return module
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    if node.op == "get_attr" or node.target not in _FUNCTIONS:
        raise unsupported(node, f"'{name}'")
    layer = _FUNCTIONS[node.target]()
    operands = [argument for argument in node.args if isinstance(argument, fx.Node)]
    if isinstance(layer, Add) and (len(operands) != 2 or node.kwargs):
        raise unsupported(node, f"'{name}' of anything but two streams")
    return layer


def _check_ends(graph: LayerGraph) -> None:
    pictures = [node for node in graph.graph.nodes if node.op == "placeholder"]
    (returned,) = graph.output_node.args
    if len(pictures) != 1 or not isinstance(returned, fx.Node):
        raise UsageError(
            f"expected a network of one picture and one result, got {len(pictures)} inputs"
            f" and a result of type {type(returned).__name__}",
            "wrap the network in a module that takes and returns one tensor",
        )


def _drop_vanishing(graph: LayerGraph) -> None:
    for node in [node for node, layer in graph.layers.items() if isinstance(layer, _VANISHING)]:
        before = graph.shapes[node.all_input_nodes[0]]
        # The memory of a map of one pixel is that of a row; any other map would have to be transposed.
        if graph.shapes[node] not in (before, before[:2]):
            raise unsupported(node, f"'flatten' of a map {list(before)}")
        node.replace_all_uses_with(node.all_input_nodes[0])
        graph.graph.erase_node(node)
        del graph.layers[node]
