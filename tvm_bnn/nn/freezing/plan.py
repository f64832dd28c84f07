"""The parts of a network, each after those that it reads."""

from __future__ import annotations

import heapq

from torch import fx

from tvm_bnn.nn.freezing.fuse import Group, fuse
from tvm_bnn.nn.freezing.islands import Cluster, find_islands
from tvm_bnn.nn.freezing.trace import LayerGraph
from tvm_bnn.nn.shortcut import RepeatChannels

Part = Group | Cluster


def plan(graph: LayerGraph) -> list[Part]:
    """All groups and islands; of those that could come next always the one that ends first in the user's model."""
    position = {node: index for index, node in enumerate(graph.graph.nodes)}
    parts: list[Part] = [*fuse(graph), *find_islands(graph)]
    parts.sort(key=lambda part: max(map(position.__getitem__, _ends(part))))
    home = {node: index for index, part in enumerate(parts) for node in _ends(part)}
    missing = [{home[node] for node in _reads(graph, part) if node in home} for part in parts]
    ready = [index for index, needed in enumerate(missing) if not needed]
    ordered: list[Part] = []
    while ready:
        done = heapq.heappop(ready)
        ordered.append(parts[done])
        for index, needed in enumerate(missing):
            if done in needed:
                needed.remove(done)
                if not needed:
                    heapq.heappush(ready, index)
    return ordered


def _ends(part: Part) -> list[fx.Node]:
    return part.ends if isinstance(part, Cluster) else [part.end]


def _reads(graph: LayerGraph, part: Part) -> list[fx.Node]:
    values = part.reads if isinstance(part, Cluster) else [*part.sources, part.shortcut]
    # Repeated channels are read where they come from.
    return [
        value.all_input_nodes[0] if isinstance(graph.layers.get(value), RepeatChannels) else value
        for value in values
        if value is not None
    ]
