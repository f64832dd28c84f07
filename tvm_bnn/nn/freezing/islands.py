"""Ordinary operators gathered into islands: each is one step between integer operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import fx

from tvm_bnn.nn.freezing.trace import LayerGraph


@dataclass
class Cluster:
    """Ordinary nodes that are computed together, in one go.

    Attributes:
        nodes: in the order of computation.
        reads: values from outside, in the order in which they are first read.
        streams: values that layers of integers read.
        reals: values that other clusters read or the network returns.
    """

    nodes: list[fx.Node]
    reads: list[fx.Node]
    streams: list[fx.Node]
    reals: list[fx.Node]

    @property
    def ends(self) -> list[fx.Node]:
        """Values that are read outside, each once."""
        return list(dict.fromkeys(self.streams + self.reals))


def find_islands(graph: LayerGraph) -> list[Cluster]:
    """All ordinary nodes in connected clusters, as few as possible.

    A node joins the cluster of a value that it reads unless the union would have to wait for its own result. Sizes,
    tuples and parameters belong to no cluster: each cluster looks them up for itself.
    """
    flow = _Flow(graph)
    cluster_of: dict[fx.Node, set[fx.Node]] = {}
    for node in flow.members:
        cluster_of[node] = {node}
        for value in flow.reads[node]:
            union = cluster_of[node] | cluster_of.get(value, set())
            if value in cluster_of and union != cluster_of[node] and flow.is_convex(union):
                cluster_of |= dict.fromkeys(union, union)
    distinct = {id(cluster): cluster for cluster in cluster_of.values()}.values()
    return [flow.cluster(nodes) for nodes in distinct]


class _Flow:
    """Who reads whose tensors, with everything that is looked up left out.

    Attributes:
        members: the ordinary nodes that clusters are made of.
        reads: the tensors that every node needs, its own look-ups included.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.members = [n for n in graph.graph.nodes if graph.is_ordinary(n) and not self._is_looked_up(n)]
        readers = [n for n in graph.graph.nodes if n in graph.layers or n.op == "output"] + self.members
        self.reads = {node: list(dict.fromkeys(self._tensors(node))) for node in readers}
        self.readers: dict[fx.Node, list[fx.Node]] = {}
        for node, values in self.reads.items():
            for value in values:
                self.readers.setdefault(value, []).append(node)

    def is_convex(self, nodes: set[fx.Node]) -> bool:
        """Whether no path leaves ``nodes`` and comes back."""
        waiting = [reader for node in nodes for reader in self.readers.get(node, ()) if reader not in nodes]
        seen: set[fx.Node] = set()
        while waiting:
            node = waiting.pop()
            if node in nodes:
                return False
            if node not in seen:
                seen.add(node)
                waiting += self.readers.get(node, ())
        return True

    def cluster(self, members: set[fx.Node]) -> Cluster:
        """The cluster of ``members``, with what they look up."""
        nodes = [node for node in self.graph.graph.nodes if node in members | self._looked_up(members)]
        values = dict.fromkeys(value for node in nodes if node in members for value in self.reads[node])
        outside = {n: set(self.readers.get(n, ())) - members for n in nodes if n in members}
        streams = [n for n, readers in outside.items() if any(reader in self.graph.layers for reader in readers)]
        reals = [n for n, readers in outside.items() if any(reader not in self.graph.layers for reader in readers)]
        return Cluster(nodes, [value for value in values if value not in members], streams, reals)

    def _is_looked_up(self, node: fx.Node) -> bool:
        parameter = node.op == "get_attr" and all(self.graph.is_ordinary(user) for user in node.users)
        return self.graph.is_ordinary(node) and (node not in self.graph.shapes or parameter)

    def _tensors(self, node: fx.Node) -> Iterator[fx.Node]:
        for value in node.all_input_nodes:
            if self._is_looked_up(value):
                yield from self._tensors(value)
            else:
                yield value

    def _looked_up(self, members: set[fx.Node]) -> set[fx.Node]:
        found: set[fx.Node] = set()
        waiting = [value for node in members for value in node.all_input_nodes]
        while waiting:
            value = waiting.pop()
            if self._is_looked_up(value) and value not in found:
                found.add(value)
                waiting += value.all_input_nodes
        return found
