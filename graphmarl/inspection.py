"""Look at agent graphs: pictures over the map, and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

from graphmarl.step import Edges, Scene

COLOURS = ("tab:red", "tab:green", "tab:purple", "tab:brown")


def one_graph(graph: Data, env: int, num_agents: int) -> Data:
    """One environment's agents out of a disjoint union, with their edges."""
    edges = Edges.of(graph, num_agents)
    rows = slice(env * num_agents, (env + 1) * num_agents)
    low, high = int(edges.ptr[env]), int(edges.ptr[env + 1])
    part = Data(edge_index=edges.index[:, low:high].long(), num_nodes=num_agents)
    for name in ("x", "pos", "alive", "kind"):
        if name in graph:
            part[name] = graph[name][rows]
    return part


def living(graph: Data) -> nx.DiGraph:
    """The living agents of one graph as networkx, an arc from who sends to who receives."""
    network = to_networkx(graph)
    if "alive" in graph:
        network.remove_nodes_from((~graph.alive).nonzero().flatten().tolist())
    return network


def describe(graph: Data) -> dict[str, float]:
    """Numbers of one graph's living agents.

    `degree` is the mean number of senders to an agent, `components` counts the parts that hear
    nothing of each other, `connected` is the share of pairs of agents between whom there is a path,
    `diameter` the longest shortest path within a part, directions ignored.
    """
    network = living(graph)
    count = network.number_of_nodes()
    parts = list(nx.connected_components(network.to_undirected()))
    undirected = network.to_undirected()
    pairs = sum(len(part) * (len(part) - 1) for part in parts)
    return {
        "agents": count,
        "edges": network.number_of_edges(),
        "degree": network.number_of_edges() / max(count, 1),
        "components": len(parts),
        "connected": pairs / (count * (count - 1)) if count > 1 else 1.0,
        "diameter": max((nx.diameter(undirected.subgraph(part)) for part in parts), default=0),
    }


def draw_graph(graph: Data, scene: Scene | None = None, axes: Axes | None = None) -> Axes:
    """Draw one graph's living agents where they stand, over the map if there is one.

    Args:
        graph: one environment's agents with `pos` and edges; see `one_graph`.
        scene: what else there is to draw.
        axes: where to draw; a new figure without it.
    """
    if axes is None:
        axes = Figure(figsize=(6, 6), layout="constrained").subplots()
    if scene is not None:
        for (name, (place, weight)), colour in zip(scene.points.items(), COLOURS, strict=False):
            _scatter(axes, place, colour, name, marker="s", alpha=weight.clamp(0, 1).numpy(), s=18)
        axes.set_xlim(scene.low[0], scene.high[0])
        axes.set_ylim(scene.low[1], scene.high[1])
    network = living(graph)
    assert graph.pos is not None, "agents stand somewhere"
    where = {i: graph.pos[i].tolist() for i in network.nodes}
    both = network.to_undirected(reciprocal=True)
    one_way = [edge for edge in network.edges if not both.has_edge(*edge)]
    style: dict[str, Any] = {"ax": axes, "edge_color": "0.45", "width": 0.8}
    nx.draw_networkx_edges(both, where, **style)
    nx.draw_networkx_edges(network, where, edgelist=one_way, arrowsize=7, node_size=30, **style)
    alive = graph.alive if "alive" in graph else slice(None)
    _scatter(axes, graph.pos[alive], "tab:blue", "agents", s=26, zorder=3)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def save_picture(axes: Axes, path: str | Path) -> None:
    """Write the figure that the axes belong to."""
    figure = axes.figure
    figure.savefig(path, dpi=150)  # type: ignore[union-attr]


def draw_curve(
    rows: list[dict[str, float]], axes: Axes | None = None, name: str = "return", label: str = ""
) -> Axes:
    """Draw a metric of a run against environment steps.

    Args:
        rows: lines of a run's metrics.
        axes: where to draw; a new figure without it.
        name: which metric.
        label: name of the curve.
    """
    if axes is None:
        axes = Figure(figsize=(7, 4), layout="constrained").subplots()
    kept = [row for row in rows if name in row]
    axes.plot([row["env_steps"] for row in kept], [row[name] for row in kept], label=label or None)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(name)
    return axes


def _scatter(axes: Axes, place: Tensor, colour: str, label: str, **style: Any) -> None:
    axes.scatter(place[:, 0].numpy(), place[:, 1].numpy(), c=colour, label=label, **style)
