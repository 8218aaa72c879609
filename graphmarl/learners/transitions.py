"""Edges of the next states of single transitions."""

from __future__ import annotations

from graphmarl.agent_graph import Edges
from graphmarl.data import Trajectory


def edges_that_stay(batch: Trajectory) -> Edges:
    """Edges of single transitions whose next states have those of the first, between the living.

    Args:
        batch: two steps of each environment.
    """
    graph, agents = batch.graph(0), batch.spec.num_agents
    assert graph.edge_index is not None, "a trajectory has edges"
    before = Edges.of(graph, agents)
    both = batch.alive[1].flatten()[graph.edge_index].all(0)
    graph.edge_index = graph.edge_index[:, both]
    graph.edge_attr = None if graph.edge_attr is None else graph.edge_attr[both]
    return Edges.stack([before, Edges.of(graph, agents)])
