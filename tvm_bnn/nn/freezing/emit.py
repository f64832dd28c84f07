"""From groups of layers and islands to the steps of an integer network."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from torch import fx, nn

from tvm_bnn.nn.freezing.anchors import Value, anchor_of
from tvm_bnn.nn.freezing.exact import function_name, rounding_functions
from tvm_bnn.nn.freezing.finish import Finish, Finisher, logits_packing
from tvm_bnn.nn.freezing.fold import Packing, check_channels, fold_linear, fraction_for, packing_of
from tvm_bnn.nn.freezing.fuse import Group
from tvm_bnn.nn.freezing.islands import Cluster
from tvm_bnn.nn.freezing.readers import Reader, gates_of, quantisers_in, quantisers_of
from tvm_bnn.nn.freezing.trace import LayerGraph, path_of, place_of
from tvm_bnn.nn.gate import ChannelGate
from tvm_bnn.nn.integer import IMAGE, IntegerNetwork, Step
from tvm_bnn.nn.island import FloatStep, Island, Read
from tvm_bnn.nn.scores import UpsampleScores
from tvm_bnn.nn.shortcut import RepeatChannels
from tvm_bnn.ops import Bitpack, Epilogue, Labels, Operator
from tvm_bnn.ops.epilogue import Affine
from tvm_bnn.ops.tensors import Array

_STREAMS: dict[str, Literal["int16", "uint8"]] = {"stream": "int16", "byte": "uint8"}


class Emitter:
    """Turns groups and islands into steps, one after the other.

    Attributes:
        values: the stream or byte tensor of every node that was emitted.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        picture = graph.picture
        self.values = {picture: Value(IMAGE, self._shape(picture), "uint8", 0)}
        self._real: dict[fx.Node, str] = {}
        self._bits: dict[Reader, str] = {}
        self._steps: list[Step | FloatStep] = []
        self._parameters: dict[str, Array] = {}

    def network(self, stride: int) -> IntegerNetwork:
        """Everything emitted so far, ending in labels where the model ends in upsampled scores."""
        end = self.graph.output
        layer = self.graph.layers.get(end)
        if isinstance(layer, UpsampleScores):
            output = self._labels(end, layer)
        else:
            output = self._real[end] if end in self._real else self.values[end].id
        return IntegerNetwork(self._steps, self._parameters, output, stride)

    def emit(self, part: Group | Cluster) -> None:
        """Add the step of ``part``, after one that packs its input where no step has done so.

        Raises:
            UsageError: numbers in a group that do not fit its integers.
        """
        if isinstance(part, Cluster):
            self._emit_island(part)
        else:
            self._emit_group(part)

    def _emit_group(self, group: Group) -> None:
        layer = None if group.anchor is None else self.graph.layers[group.anchor]
        anchor = anchor_of(layer, [self.values[source] for source in group.sources])
        affine = fold_linear(self.graph, group, anchor.unit, anchor.bias)
        shortcut = None if group.shortcut is None else self._shortcut(group.shortcut)
        finish = Finisher(self.graph, group, anchor, affine, shortcut).finish()
        operator = dataclasses.replace(anchor.operator, epilogue=finish.epilogue)  # type: ignore[type-var]
        check_channels(finish.epilogue, anchor.bound, finish.parameters)
        inputs = [self._input(group, slot) for slot in range(len(group.sources))]
        inputs += [] if shortcut is None else [shortcut.id]
        step = self._add(group.place, operator, inputs, anchor.parameters(finish.flipped) | finish.parameters)
        self._remember(group.end, step, finish)

    def _remember(self, node: fx.Node, step: Step, finish: Finish) -> None:
        logits = {reader for reader in finish.served if reader in gates_of(self.graph, node)}
        for output, name in zip(finish.epilogue.outputs, step.outputs, strict=True):
            if output in _STREAMS and not logits:
                self.values[node] = Value(name, self._shape(node), _STREAMS[output], finish.fraction)
            else:
                self._bits |= dict.fromkeys(finish.served, name)
        # A node that only bits or logits leave still has a shape, which the layers that read it ask for.
        self.values.setdefault(node, Value("", self._shape(node), "int16", finish.fraction))

    def _input(self, group: Group, slot: int) -> str:
        """Id of what an operator reads: a stream, or bits or logits, packed by a step of its own if need be."""
        source = group.sources[slot]
        reader = None if group.anchor is None else Reader(group.anchor, slot)
        packings = self._packings(source)
        if reader is None or reader not in packings:
            return self.values[source].id
        if reader not in self._bits:
            self._pack(source, reader, packings)
        return self._bits[reader]

    def _packings(self, node: fx.Node) -> dict[Reader, Packing]:
        """How everything that does not read the stream of ``node`` itself reads it."""
        value = self.values[node]
        bits = {
            reader: packing_of(quantiser, value.channels, value.fraction)
            for reader, quantiser in quantisers_of(self.graph, node).items()
        }
        return bits | {reader: logits_packing(value) for reader in gates_of(self.graph, node)}

    def _pack(self, node: fx.Node, reader: Reader, packings: Mapping[Reader, Packing]) -> None:
        value, packing = self.values[node], packings[reader]
        affine: Affine = "scale" if packing.output == "byte" else "none"
        epilogue = Epilogue(affine, outputs=(packing.output,), code_bits=packing.code_bits)
        operator = Bitpack(*value.map, value.channels, epilogue, input_dtype=value.dtype)
        step = self._add(f"{place_of(reader.node)}.{self._name(reader)}", operator, [value.id], packing.parameters)
        same = [other for other, its in packings.items() if other not in self._bits and its.same_as(packing)]
        self._bits |= dict.fromkeys(same, step.outputs[0])

    def _name(self, reader: Reader) -> str:
        layer = self.graph.layers[reader.node]
        return "logits" if isinstance(layer, ChannelGate) else quantisers_in(layer)[reader.slot][0]

    def _shortcut(self, node: fx.Node) -> Value:
        repeated = isinstance(self.graph.layers.get(node), RepeatChannels)
        return self.values[node.all_input_nodes[0] if repeated else node]

    def _labels(self, node: fx.Node, layer: UpsampleScores) -> str:
        scores = self.values[node.all_input_nodes[0]]
        operator = Labels(*scores.map, scores.channels, layer.factor)
        return self._add(place_of(node), operator, [scores.id], {}).outputs[0]

    def _emit_island(self, cluster: Cluster) -> None:
        """The integers that an island reads become real in it, and what integers read of it becomes a stream."""
        reads = [self._read(node) for node in cluster.reads]
        computed = [node for node in cluster.nodes if node not in self.graph.numbers and node.op != "get_attr"]
        functions = tuple(dict.fromkeys(function_name(node, self.graph.model) for node in computed))
        name = self._unique(path_of(cluster.nodes[-1]) or functions[-1])
        streams = [(f"{name}:stream{_suffix(index)}", node) for index, node in enumerate(cluster.streams)]
        for output, node in streams:
            fraction = fraction_for(self.graph.peaks[node])
            self.values[node] = Value(output, self._shape(node), "int16", fraction)
        reals = [(f"{name}:real{_suffix(index)}", node) for index, node in enumerate(cluster.reals)]
        self._real |= {node: output for output, node in reals}
        fractions = [self.values[node].fraction for node in cluster.streams] + [None] * len(reals)
        ends = [node for _, node in streams + reals]
        island = Island(self._body(cluster, ends), [read for _, read in reads], fractions)
        self._steps.append(
            FloatStep(
                name,
                island,
                inputs=tuple(value for value, _ in reads),
                outputs=tuple(output for output, _ in streams + reals),
                functions=functions,
                inexact=rounding_functions(self.graph, cluster.nodes),
            )
        )

    def _read(self, node: fx.Node) -> tuple[str, Read]:
        rank = len(self.graph.shapes[node])
        if node in self._real:
            return self._real[node], Read(None, rank)
        return self.values[node].id, Read(self.values[node].fraction, rank)

    def _body(self, cluster: Cluster, ends: Sequence[fx.Node]) -> nn.Module:
        graph = fx.Graph()
        copies = {node: graph.placeholder(node.name) for node in cluster.reads}
        for node in cluster.nodes:
            copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.output(tuple(copies[node] for node in ends))
        body = copy.deepcopy(fx.GraphModule(self.graph.model, graph))
        return body.float().eval().requires_grad_(False)

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


def _suffix(index: int) -> str:
    return str(index + 1) if index else ""
