"""From groups of layers to the steps of an integer network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from torch import fx

from tvm_bnn.nn._anchors import Value, anchor_of
from tvm_bnn.nn._finish import Finish, Finisher, quantisers_of
from tvm_bnn.nn._fold import check_channels, fold_linear, packing_of
from tvm_bnn.nn._fuse import Group
from tvm_bnn.nn._trace import LayerGraph, place_of, unsupported
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.integer import IMAGE, IntegerNetwork, Step
from tvm_bnn.nn.scores import UpsampleScores
from tvm_bnn.nn.shortcut import RepeatChannels
from tvm_bnn.ops import Bitpack, Epilogue, Labels, Operator
from tvm_bnn.ops.tensors import Array

_STREAMS: dict[str, Literal["int16", "uint8"]] = {"stream": "int16", "byte": "uint8"}


class Emitter:
    """Turns groups into steps, one after the other.

    Attributes:
        values: the stream or byte tensor of every node that was emitted.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        picture = graph.picture
        self.values = {picture: Value(IMAGE, self._shape(picture), "uint8", 0)}
        self._bits: dict[fx.Node, str] = {}
        self._steps: list[Step] = []
        self._parameters: dict[str, Array] = {}

    def network(self, stride: int) -> IntegerNetwork:
        """Everything emitted so far, ending in labels where the model ends in upsampled scores."""
        end = self.graph.output
        layer = self.graph.layers.get(end)
        output = self._labels(end, layer) if isinstance(layer, UpsampleScores) else self.values[end].id
        return IntegerNetwork(self._steps, self._parameters, output, stride)

    def emit(self, group: Group) -> None:
        """Add the step of ``group``, after one that packs its input where no step has done so.

        Raises:
            UsageError: something in the group that no operator can do.
        """
        layer = None if group.anchor is None else self.graph.layers[group.anchor]
        source = self.values[group.source]
        anchor = anchor_of(group.anchor, layer, source)
        affine = fold_linear(self.graph, group, anchor.unit, anchor.bias)
        shortcut = None if group.shortcut is None else self._shortcut(group.shortcut)
        finish = Finisher(self.graph, group, anchor, affine, shortcut).finish()
        operator = dataclasses.replace(anchor.operator, epilogue=finish.epilogue)  # type: ignore[type-var]
        check_channels(finish.epilogue, anchor.bound, finish.parameters)
        read = self._packed(group.anchor) if group.anchor and isinstance(layer, BinaryLayer) else source.id
        inputs = [read] if shortcut is None else [read, shortcut.id]
        step = self._add(group.place, operator, inputs, anchor.parameters(finish.flipped) | finish.parameters)
        self._remember(group.end, step, finish)

    def _remember(self, node: fx.Node, step: Step, finish: Finish) -> None:
        for output, name in zip(finish.epilogue.outputs, step.outputs, strict=True):
            if output in _STREAMS:
                self.values[node] = Value(name, self._shape(node), _STREAMS[output], finish.fraction)
            else:
                self._bits |= dict.fromkeys(finish.served, name)
        # A node that only bits leave still has a shape, which the layers that read it ask for.
        self.values.setdefault(node, Value("", self._shape(node), "int16", finish.fraction))

    def _packed(self, reader: fx.Node) -> str:
        """Id of the bits that the binary layer ``reader`` reads, packed by a step of its own if need be."""
        if reader not in self._bits:
            node = reader.all_input_nodes[0]
            value = self.values[node]
            packings = {
                user: packing_of(quantiser, value.channels, value.fraction)
                for user, quantiser in quantisers_of(self.graph, node).items()
            }
            packing = packings[reader]
            epilogue = Epilogue("none", outputs=(packing.output,), code_bits=packing.code_bits)
            operator = Bitpack(*value.map, value.channels, epilogue, input_dtype=value.dtype)
            step = self._add(f"{place_of(reader)}.quantiser", operator, [value.id], packing.parameters)
            same = [user for user, other in packings.items() if user not in self._bits and other.same_as(packing)]
            self._bits |= dict.fromkeys(same, step.outputs[0])
        return self._bits[reader]

    def _shortcut(self, node: fx.Node) -> Value:
        repeated = isinstance(self.graph.layers.get(node), RepeatChannels)
        value = self.values[node.all_input_nodes[0] if repeated else node]
        if value.dtype != "int16":
            raise unsupported(node, "the addition of a picture or of a Uint8Activation")
        return value

    def _labels(self, node: fx.Node, layer: UpsampleScores) -> str:
        scores = self.values[node.all_input_nodes[0]]
        if scores.dtype != "int16":
            raise unsupported(node, "UpsampleScores of a picture or of a Uint8Activation")
        operator = Labels(*scores.map, scores.channels, layer.factor)
        return self._add(place_of(node), operator, [scores.id], {}).outputs[0]

    def _add(self, place: str, operator: Operator, data: Sequence[str], arrays: Mapping[str, Array]) -> Step:
        name = self._unique(place)
        index = len(self._steps)
        wanted = [spec for spec in operator.inputs() if spec.role == "parameter"]
        buffers = {spec.name: f"step{index}_{spec.name}" for spec in wanted}
        self._parameters |= {buffers[spec.name]: arrays[spec.name].astype(spec.dtype) for spec in wanted}
        outputs = tuple(f"{name}:{spec.name}" for spec in operator.outputs())
        step = Step(name, operator, tuple(data), tuple(buffers.values()), outputs)
        self._steps.append(step)
        return step

    def _unique(self, place: str) -> str:
        taken = {step.name for step in self._steps}
        numbered = (f"{place}#{number}" for number in range(2, len(taken) + 3))
        return place if place not in taken else next(name for name in numbered if name not in taken)

    def _shape(self, node: fx.Node) -> tuple[int, ...]:
        batch, channels, *size = self.graph.shapes[node]
        return (batch, *size, channels)


def check_scores(graph: LayerGraph) -> None:
    """Refuse upsampled scores anywhere but at the end.

    Raises:
        UsageError: names the place.
    """
    for node, layer in graph.layers.items():
        if isinstance(layer, UpsampleScores) and (node is not graph.output or len(node.users) > 1):
            raise unsupported(node, "UpsampleScores before the end of the network")
