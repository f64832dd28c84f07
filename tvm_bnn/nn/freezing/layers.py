"""Which nodes of a traced network have an integer form at all: modules, and functions read as modules."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from tvm_bnn.nn.activation import RPReLU, Uint8Activation
from tvm_bnn.nn.anchors import AnchorPool
from tvm_bnn.nn.attention import AnchorAttention
from tvm_bnn.nn.conv import BinaryConv2d
from tvm_bnn.nn.gate import ChannelGate, LearnedGate
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
    AnchorAttention,
    AnchorPool,
    ChannelGate,
    LearnedGate,
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
    Add,
)
"""Layers that can become integers."""

NORMS = (nn.BatchNorm2d, nn.BatchNorm1d)
SCALES = (*NORMS, LearnedGate)
"""Layers that multiply every channel by a number, and may add one."""

ACTIVATIONS = (RPReLU, nn.ReLU, nn.PReLU, Uint8Activation)

_IDENTITIES = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_IDENTITY_METHODS = ("contiguous", "clone", "detach")


def is_identity(node: fx.Node, model: nn.Module) -> bool:
    """Whether a node passes on what it reads, in evaluation mode and as far as real numbers go."""
    if node.op == "call_module":
        return isinstance(model.get_submodule(str(node.target)), _IDENTITIES)
    if node.target is functional.dropout:
        return not node.kwargs.get("training", True)
    return node.op == "call_method" and (node.target in _IDENTITY_METHODS or _is_cast_of_picture(node))


def _is_cast_of_picture(node: fx.Node) -> bool:
    to_float = node.target == "float" or (
        node.target == "to" and [*node.args[1:], *node.kwargs.values()] == [torch.float32]
    )
    return to_float and node.all_input_nodes[0].op == "placeholder"


def layer_of(node: fx.Node, model: nn.Module) -> nn.Module | None:
    """The layer that ``node`` is or does the same as, if that can become integers."""
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        return module if isinstance(module, LAYERS) else None
    read = _FUNCTIONS.get(node.target) if node.op in ("call_function", "call_method") else None
    return None if read is None else read(node)


def operands(node: fx.Node) -> list[fx.Node]:
    """The values that an addition adds."""
    return [argument for argument in node.args if isinstance(argument, fx.Node)]


def _add(node: fx.Node) -> nn.Module | None:
    return Add() if len(operands(node)) == 2 and not node.kwargs else None


def _relu(_node: fx.Node) -> nn.Module:
    return nn.ReLU()


def _flatten(node: fx.Node) -> nn.Module | None:
    return nn.Flatten() if [*node.args[1:], *node.kwargs.values()] == [1] else None


def _interpolate(node: fx.Node) -> nn.Module | None:
    if len(node.args) != 1:
        return None
    given = {name: value for name, value in node.kwargs.items() if value is not None and value is not False}
    if set(given) != {"scale_factor", "mode"} or any(isinstance(value, fx.Node) for value in given.values()):
        return None
    scale: Any = given["scale_factor"]
    return nn.Upsample(scale_factor=scale, mode=str(given["mode"]))


_FUNCTIONS: dict[Callable[..., Any] | str, Callable[[fx.Node], nn.Module | None]] = {
    operator.add: _add,
    operator.iadd: _add,
    torch.add: _add,
    "add": _add,
    "add_": _add,
    torch.relu: _relu,
    functional.relu: _relu,
    "relu": _relu,
    torch.flatten: _flatten,
    "flatten": _flatten,
    functional.interpolate: _interpolate,
}
