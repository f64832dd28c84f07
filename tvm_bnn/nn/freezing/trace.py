"""A torch network as a graph of layers, with the sizes and peaks that a calibration run saw."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.calibration import Peaks
from tvm_bnn.nn.freezing.layers import LAYERS, is_identity, layer_of

STATIC_HINT = "forward() must do the same for every picture: no decisions by values or sizes"


@dataclass
class LayerGraph:
    """Nodes in the order of computation.

    Attributes:
        graph: of torch.fx; nodes are the identities of values.
        model: in double precision; the ordinary nodes' modules are its own.
        layers: the module of every node that becomes integers. All other nodes but the picture and the output are
            ordinary: they stay what they are.
        shapes: shape of every value in the calibration run, [N, C, ...]; of tensors only.
        peaks: largest magnitude of every tensor in the calibration run.
        numbers: nodes whose values hold no tensor, such as sizes.
    """

    graph: fx.Graph
    model: nn.Module
    layers: dict[fx.Node, nn.Module]
    shapes: dict[fx.Node, tuple[int, ...]] = field(default_factory=dict)
    peaks: dict[fx.Node, float] = field(default_factory=dict)
    numbers: set[fx.Node] = field(default_factory=set)

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

    def is_ordinary(self, node: fx.Node) -> bool:
        """Whether ``node`` stays in floating point."""
        return node not in self.layers and node.op not in ("placeholder", "output")


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LAYERS) or super().is_leaf_module(m, module_qualified_name)


class _Observer(fx.Interpreter):
    """Runs layers in double precision and ordinary nodes in single precision, as they will be run.

    Attributes:
        seen: what is observed goes here.
    """

    def __init__(self, seen: LayerGraph) -> None:
        super().__init__(fx.GraphModule(seen.model, seen.graph))
        self.seen = seen
        self._single = copy.deepcopy(seen.model).float()

    def run_node(self, n: fx.Node) -> Any:
        result = self._ordinary(n) if self.seen.is_ordinary(n) and n.op != "get_attr" else super().run_node(n)
        if isinstance(result, Tensor):
            self.seen.shapes[n] = tuple(result.shape)
            known = result.numel() and not result.is_meta
            self.seen.peaks[n] = float(result.double().abs().max()) if known else 0.0
        elif not any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(result)):
            self.seen.numbers.add(n)
        return result

    def _ordinary(self, node: fx.Node) -> Any:
        args, kwargs = _cast(self.fetch_args_kwargs_from_env(node), torch.float32)
        if node.op == "call_module":
            result = self._single.get_submodule(str(node.target))(*args, **kwargs)
        else:
            result = getattr(self, node.op)(node.target, args, kwargs)
        return _cast(result, torch.float64)


def _cast(values: Any, dtype: torch.dtype) -> Any:
    """All floating-point tensors among ``values`` as ``dtype``."""
    return pytree.tree_map_only(Tensor, lambda x: x.to(dtype) if x.is_floating_point() else x, values)


def place_of(node: fx.Node) -> str:
    """Where a node comes from: the path of its module, or of the module whose code calls the function."""
    return path_of(node) or "the network itself"


def path_of(node: fx.Node) -> str:
    """The same, empty for what the network itself calls."""
    if node.op == "call_module":
        return str(node.target)
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values() if path]
    return paths[-1] if paths else ""


def unsupported(node: fx.Node, what: str, hint: str) -> UsageError:
    """The error for something that cannot be frozen."""
    return UsageError(f"cannot freeze {what} at {place_of(node)}", hint)


def trace_layers(model: nn.Module, calibration: Tensor | Peaks) -> LayerGraph:
    """Trace ``model``, drop the layers that do nothing, and see how large its values are.

    Args:
        model: in double precision.
        calibration: pictures [N, C, H, W] to run it on, or what was seen when that was done.

    Raises:
        UsageError: the model cannot be traced or run, has not one picture and one result, or is not the one whose
            peaks these are.
    """
    graph = _traced(model)
    _drop_unread(graph)
    _drop_identities(graph, model)
    result = LayerGraph(graph, model, _layers(graph, model))
    _check_ends(result)
    with torch.no_grad():
        if isinstance(calibration, Peaks):
            _recall(result, calibration)
        else:
            _run(result, calibration)
    if result.output not in result.shapes:
        raise _ends_error(1, "several tensors")
    return result


def _traced(model: nn.Module) -> fx.Graph:
    try:
        return _Tracer().trace(model)
    except Exception as error:
        raise UsageError(f"cannot freeze {type(model).__name__}: {_first_line(error)}", STATIC_HINT) from error


def _run(graph: LayerGraph, pictures: Tensor) -> None:
    try:
        _Observer(graph).run(pictures)
    except Exception as error:
        size = "x".join(map(str, pictures.shape[1:]))
        raise UsageError(
            f"cannot run {type(graph.model).__name__} on a picture of {size}: {_first_line(error)}",
            "see whether torch runs it on a picture of that size, and set the network's stride",
        ) from error


def _recall(graph: LayerGraph, peaks: Peaks) -> None:
    """Sizes from a run without values, which computes nothing."""
    whole, graph.model = graph.model, copy.deepcopy(graph.model).to("meta")
    _run(graph, torch.empty(peaks.shape, dtype=torch.float64, device="meta"))
    graph.model = whole
    named = {node.name: node for node in graph.peaks}
    if named.keys() != peaks.values.keys():
        raise UsageError(
            f"cannot freeze {type(whole).__name__}: expected the peaks of {len(named)} values, "
            f"got those of {len(peaks.values)} others",
            "measure them on the same network",
        )
    graph.peaks = {node: peaks.values[name] for name, node in named.items()}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _drop_unread(graph: fx.Graph) -> None:
    for node in reversed(graph.nodes):
        if node.op not in ("placeholder", "output") and not node.users:
            if node.op == "call_method" and str(node.target).endswith("_"):
                raise unsupported(node, f"'{node.target}' whose result is not used", "use the result of the function")
            graph.erase_node(node)


def _drop_identities(graph: fx.Graph, model: nn.Module) -> None:
    for node in graph.nodes:
        if is_identity(node, model):
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph.erase_node(node)


def _layers(graph: fx.Graph, model: nn.Module) -> dict[fx.Node, nn.Module]:
    found = ((node, layer_of(node, model)) for node in graph.nodes)
    return {node: layer for node, layer in found if layer is not None}


def _check_ends(graph: LayerGraph) -> None:
    pictures = [node for node in graph.graph.nodes if node.op == "placeholder"]
    (returned,) = graph.output_node.args
    if len(pictures) != 1 or not isinstance(returned, fx.Node):
        raise _ends_error(len(pictures), f"a result of type {type(returned).__name__}")


def _ends_error(inputs: int, result: str) -> UsageError:
    return UsageError(
        f"expected a network of one picture and one result, got {inputs} inputs and {result}",
        "wrap the network in a module that takes and returns one tensor",
    )
