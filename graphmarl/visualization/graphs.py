"""Pictures of agent graphs over the map, and graph statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

from graphmarl.agent_graph import Edges
from graphmarl.step import Scene

AGENT_COLOURS = ("#1f4e9c", "#b3261e", "#6a3d9a", "#00798c")
THING_COLOURS = ("#4f9d2f", "#c98a00", "#8c564b", "#7f7f7f")
BOTH_WAYS, ONE_WAY = "#5b6470", "#e07b00"
AGENT_RGB, LINE_COLOURS = to_rgb(AGENT_COLOURS[0]), colormaps["YlOrRd"]


def one_graph(graph: Data, env: int, num_agents: int) -> Data:
    """The agent graph of one environment out of a disjoint union.

    Args:
        graph: a batch of agent graphs.
        env: number of the environment.
        num_agents: slots for agents.
    """
    edges = Edges.of(graph, num_agents)
    rows = slice(env * num_agents, (env + 1) * num_agents)
    low, high = int(edges.ptr[env]), int(edges.ptr[env + 1])
    part = Data(edge_index=edges.index[:, low:high].long(), num_nodes=num_agents)
    for name in ("x", "pos", "alive", "kind"):
        if name in graph:
            part[name] = graph[name][rows]
    return part


def live_subgraph(graph: Data) -> nx.DiGraph:
    """The live agents of one graph as a networkx graph, with edges from sender to receiver.

    Args:
        graph: the agents of one environment; see `one_graph`.
    """
    network = to_networkx(graph)
    if "alive" in graph:
        network.remove_nodes_from((~graph.alive).nonzero().flatten().tolist())
    return network


def describe(graph: Data) -> dict[str, float]:
    """Statistics of one agent graph.

    `degree` is the mean in-degree, `components` the number of weakly connected components,
    `connected` the share of pairs of agents with a path between them, `diameter` the longest
    shortest path within a component, directions ignored.

    Args:
        graph: the agents of one environment; see `one_graph`.
    """
    network = live_subgraph(graph)
    count = network.number_of_nodes()
    undirected = network.to_undirected()
    parts = list(nx.connected_components(undirected))
    pairs = sum(len(part) * (len(part) - 1) for part in parts)
    return {
        "agents": count,
        "edges": network.number_of_edges(),
        "degree": network.number_of_edges() / max(count, 1),
        "components": len(parts),
        "connected": pairs / (count * (count - 1)) if count > 1 else 1.0,
        "diameter": max((nx.diameter(undirected.subgraph(part)) for part in parts), default=0),
    }


def draw_graph(
    graph: Data,
    scene: Scene | None = None,
    axes: Axes | None = None,
    kinds: Sequence[str] = ("agents",),
    size: float = 40.0,
    weight: Tensor | None = None,
) -> Axes:
    """Draw the live agents of one graph at their positions, over the map if there is one.

    A line joins agents with edges in both directions, an arrow points from sender to receiver of
    other edges. With a weight for each edge, every edge is an arrow. `draw_legend` adds a legend.

    Args:
        graph: one environment's agents with `pos` and edges; see `one_graph`.
        scene: map and objects to draw as well.
        axes: axes to draw on; a new figure without it.
        kinds: names of the kinds of agents, for the legend.
        size: area of an agent, in square points.
        weight: weight of each edge in [0, 1], drawn as width and opacity of its arrow.

    Raises:
        ValueError: the graph has no positions.
    """
    if graph.pos is None:
        raise ValueError("agents without positions cannot be drawn; this graph has no `pos`")
    if axes is None:
        axes = Figure(figsize=(6, 6.4), layout="constrained").subplots()
    _draw_agents(axes, graph, kinds, size)
    if scene is not None:
        _draw_scene(axes, scene, 0.5 * size)
    if weight is None:
        _draw_edges(axes, live_subgraph(graph), graph.pos, size)
    else:
        _draw_weights(axes, graph, weight, size)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("0.8")
    return axes


def _draw_agents(axes: Axes, graph: Data, kinds: Sequence[str], size: float) -> None:
    """Draw live agents as dots, one colour for each kind; kinds without a name share the last."""
    assert graph.pos is not None, "checked by draw_graph"
    alive = graph.alive if "alive" in graph else slice(None)
    place = graph.pos[alive]
    kind = graph.kind[alive] if "kind" in graph else place.new_zeros(len(place))
    for number, name in enumerate(kinds):
        mine = place[kind.clamp(max=len(kinds) - 1) == number]
        colour = AGENT_COLOURS[number % len(AGENT_COLOURS)]
        _scatter(axes, mine, c=colour, label=name, s=size, edgecolors="white", linewidths=0.7)


def _draw_scene(axes: Axes, scene: Scene, size: float) -> None:
    """Draw objects as squares with opacity by weight, and lines from yellow to red by weight."""
    for name, (ends, weight) in scene.lines.items():
        colour = LINE_COLOURS(0.1 + 0.8 * weight.clamp(0, 1).numpy())
        lines = LineCollection(list(ends.numpy()), colors=colour, linewidths=2.5, zorder=1)
        axes.add_collection(lines)
        axes.plot([], [], color=LINE_COLOURS(0.8), linewidth=2.5, label=name)
    for number, (name, (place, weight)) in enumerate(scene.points.items()):
        colour = THING_COLOURS[number % len(THING_COLOURS)]
        # An object of little weight stays visible.
        opacity = 0.15 + 0.75 * weight.clamp(0, 1).numpy()
        faded = to_rgba_array([colour] * len(place), opacity)
        _scatter(axes, place, c=faded, marker="s", s=size, linewidths=0, zorder=1)
        axes.scatter([], [], c=colour, marker="s", s=size, linewidths=0, alpha=0.9, label=name)
    axes.set_xlim(scene.low[0], scene.high[0])
    axes.set_ylim(scene.low[1], scene.high[1])


def _draw_edges(axes: Axes, network: nx.DiGraph, pos: Tensor, size: float) -> None:
    """Draw edges in both directions as lines and others as arrows, thinner in denser graphs."""
    where = {i: pos[i].tolist() for i in network.nodes}
    both = network.to_undirected(reciprocal=True)
    one_way = [edge for edge in network.edges if not both.has_edge(*edge)]
    degree = network.number_of_edges() / max(network.number_of_nodes(), 1)
    style: dict[str, Any] = {"ax": axes, "alpha": min(0.9, 0.25 + 4 / (1 + degree))}
    style["width"] = min(1.2, 0.3 + 4 / (1 + degree))
    nx.draw_networkx_edges(both, where, edge_color=BOTH_WAYS, **style)
    arrow = {"edgelist": one_way, "edge_color": ONE_WAY, "arrowsize": 1.1 * size**0.5}
    nx.draw_networkx_edges(network, where, node_size=1.3 * size, **arrow, **style)
    if both.number_of_edges():
        axes.plot([], [], color=BOTH_WAYS, label="edges in both directions")
    if one_way:
        axes.plot(
            [], [], color=ONE_WAY, marker=">", markevery=[-1], label="edge, sender to receiver"
        )


def _draw_weights(axes: Axes, graph: Data, weight: Tensor, size: float) -> None:
    """Draw every edge as a curved arrow, with its weight as width and opacity."""
    assert graph.pos is not None and graph.edge_index is not None, "checked by draw_graph"
    where, strength = dict(enumerate(graph.pos.tolist())), weight.clamp(0, 1).tolist()
    style: dict[str, Any] = {"connectionstyle": "arc3,rad=0.15", "arrowsize": 1.1 * size**0.5}
    style["edgelist"] = graph.edge_index.t().tolist()
    style["edge_color"] = [(*AGENT_RGB, 0.1 + 0.9 * each) for each in strength]
    style["width"] = [0.4 + 2.5 * each for each in strength]
    arrows = to_networkx(graph)
    nx.draw_networkx_edges(arrows, where, node_size=1.3 * size, ax=axes, **style)
    axes.plot(
        [],
        [],
        color=AGENT_RGB,
        marker=">",
        markevery=[-1],
        label="attention weight, sender to receiver",
    )


def draw_legend(figure: Figure, columns: int = 4) -> Legend:
    """One legend below all pictures of a figure, each name once.

    Args:
        figure: a figure with the layout `constrained`.
        columns: number of columns.
    """
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    options: dict[str, Any] = {"loc": "outside lower center", "ncols": columns, "frameon": False}
    return figure.legend(handles.values(), handles.keys(), **options)


def draw_message_graph(
    network: nx.DiGraph, names: Sequence[str], axes: Axes | None = None, most: float = 1.0
) -> Axes:
    """Draw the graph of messages on a circle, with the bits of an edge as its width.

    Args:
        network: graph of `message_graph`.
        names: names of the agents.
        axes: axes to draw on; a new figure without it.
        most: bits per step that are drawn 5 points wide.
    """
    if axes is None:
        axes = Figure(figsize=(4, 4), layout="constrained").subplots()
    place = nx.circular_layout(network)
    nx.draw_networkx_nodes(network, place, ax=axes, node_size=900, node_color=AGENT_COLOURS[0])
    labels = dict(zip(network.nodes, names, strict=True))
    nx.draw_networkx_labels(network, place, labels, ax=axes, font_color="white")
    bits = nx.get_edge_attributes(network, "bits")
    style: dict[str, Any] = {"connectionstyle": "arc3,rad=0.15", "ax": axes}
    for edge, count in bits.items():
        width = max(0.3, 5 * count / most)
        nx.draw_networkx_edges(
            network, place, [edge], width=width, edge_color=ONE_WAY, node_size=900, **style
        )
    labels_of = {edge: f"{count:.2f}" for edge, count in bits.items()}
    nx.draw_networkx_edge_labels(network, place, labels_of, **style)
    axes.margins(0.25)
    axes.set_axis_off()
    return axes


def _scatter(axes: Axes, place: Tensor, **style: Any) -> None:
    axes.scatter(place[:, 0].numpy(), place[:, 1].numpy(), **{"zorder": 3, **style})
