"""Graph builders: transforms that add edges to a batch of agents, imported at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphmarl.resolver import Registry, lazy_attributes

if TYPE_CHECKING:
    from graphmarl.graphs.base import GraphBuilder
    from graphmarl.graphs.direction import Directional
    from graphmarl.graphs.distance import KNN, Radius
    from graphmarl.graphs.features import Distance, RelativePosition
    from graphmarl.graphs.make import find_graph, make_graph, typed_graph
    from graphmarl.graphs.shuffle import ShuffleEdges
    from graphmarl.graphs.topology import Complete, Links, NoEdges, Random
    from graphmarl.graphs.wrappers import Delay, DropEdges, Refresh

GRAPHS: Registry[type[GraphBuilder]] = Registry(
    __name__,
    {
        "knn": "distance:KNN",
        "radius": "distance:Radius",
        "directional": "direction:Directional",
        "complete": "topology:Complete",
        "none": "topology:NoEdges",
        "random": "topology:Random",
        "links": "topology:Links",
    },
)
WRAPPERS: Registry[type[GraphBuilder]] = Registry(
    __name__,
    {
        "shuffle": "shuffle:ShuffleEdges",
        "refresh": "wrappers:Refresh",
        "delay": "wrappers:Delay",
        "drop": "wrappers:DropEdges",
    },
)
"""Wrappers by the options of every graph that add them, from the innermost to the outermost."""
WRAPPER_ARGUMENTS = {"shuffle": "shuffle", "refresh": "every", "delay": "steps", "drop": "p"}
"""The argument of each wrapper that its option sets."""

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        **GRAPHS.modules,
        **WRAPPERS.modules,
        "GraphBuilder": "graphmarl.graphs.base",
        "Distance": "graphmarl.graphs.features",
        "RelativePosition": "graphmarl.graphs.features",
        "find_graph": "graphmarl.graphs.make",
        "make_graph": "graphmarl.graphs.make",
        "typed_graph": "graphmarl.graphs.make",
    },
)

__all__ = [
    "Complete",
    "Delay",
    "Directional",
    "Distance",
    "DropEdges",
    "GRAPHS",
    "GraphBuilder",
    "KNN",
    "Links",
    "NoEdges",
    "Radius",
    "Random",
    "Refresh",
    "RelativePosition",
    "ShuffleEdges",
    "WRAPPERS",
    "WRAPPER_ARGUMENTS",
    "find_graph",
    "make_graph",
    "typed_graph",
]
