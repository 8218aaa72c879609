"""Pictures of agent graphs over the map, and graph statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

from graphmarl.agent_graph import Edges
from graphmarl.results.figures import new_axes
from graphmarl.step import Scene
from graphmarl.visualization.arrows import arrow_entry, draw_arrows
from graphmarl.visualization.markers import AGENT_COLOURS, bare, draw_agents, draw_scene, widen
from graphmarl.visualization.scales import draw_colour_bar, scale_of

BOTH_WAYS, ONE_WAY = "#5b6470", "#e07b00"


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
    limits: tuple[float, float] | None = None,
    ids: bool = False,
    bar: bool = True,
) -> Axes:
    """Draw the live agents of one graph at their positions, over the map if there is one.

    A line joins agents with edges in both directions, an arrow points from sender to receiver of
    other edges. With the attention for each edge, every edge is an arrow, and width and colour
    show the attention of its receiver to its sender. `draw_legend` adds a legend.

    Args:
        graph: one environment's agents with `pos` and edges; see `one_graph`.
        scene: map and objects to draw as well.
        axes: axes to draw on; a new figure without it.
        kinds: names of the kinds of agents, for the legend.
        size: area of an agent, in square points.
        weight: attention of each edge.
        limits: values at both ends of the scale; the smallest and largest attention without it.
        ids: write the numbers of the agents.
        bar: add the colour bar of the attention.

    Raises:
        ValueError: the graph has no positions.
    """
    if graph.pos is None:
        raise ValueError("agents without positions cannot be drawn; this graph has no `pos`")
    if axes is None:
        axes = new_axes(6, 6.4)
    place = graph.pos.numpy()
    alive = graph.alive.numpy() if "alive" in graph else np.ones(len(place), dtype=bool)
    kind = graph.kind.numpy() if "kind" in graph else np.zeros(len(place), dtype=int)
    numbers = np.flatnonzero(alive).tolist() if ids else None
    draw_agents(axes, place[alive], kind[alive], kinds, size, numbers)
    if scene is not None:
        draw_scene(axes, scene, 0.5 * size)
        widen(axes, place[alive])
    else:
        axes.autoscale_view()
    if weight is None:
        _draw_edges(axes, live_subgraph(graph), place, size)
    else:
        _draw_attention(axes, graph, weight, limits, bar, size)
    bare(axes)
    return axes


def _draw_edges(axes: Axes, network: nx.DiGraph, place: NDArray[Any], size: float) -> None:
    """Draw edges in both directions as lines and others as arrows, thinner in denser graphs."""
    both = [(a, b) for a, b in network.edges if a < b and network.has_edge(b, a)]
    one_way = [(a, b) for a, b in network.edges if not network.has_edge(b, a)]
    degree = network.number_of_edges() / max(network.number_of_nodes(), 1)
    width = min(1.2, 0.3 + 4 / (1 + degree))
    if both:
        style: dict[str, Any] = {"alpha": min(0.9, 0.25 + 4 / (1 + degree)), "colors": BOTH_WAYS}
        axes.add_collection(LineCollection(list(place[both]), linewidths=width, **style))
        axes.plot([], [], color=BOTH_WAYS, label="edges in both directions")
    if one_way:
        draw_arrows(axes, place, np.array(one_way), ONE_WAY, None, size**0.5 / 2, width)
        axes.add_line(arrow_entry(ONE_WAY, "edge, sender to receiver"))


def _draw_attention(
    axes: Axes,
    graph: Data,
    weight: Tensor,
    limits: tuple[float, float] | None,
    bar: bool,
    size: float,
) -> None:
    """Draw every edge as an arrow, with the attention of its receiver as width and colour."""
    assert graph.pos is not None and graph.edge_index is not None, "checked by draw_graph"
    edges, values = graph.edge_index.t().numpy(), weight.numpy()
    scale = scale_of(values, limits)
    draw_arrows(axes, graph.pos.numpy(), edges, values, scale, size**0.5 / 2)
    axes.add_line(arrow_entry(scale.colours(0.8), "attention of the receiver to the sender"))
    if bar:
        draw_colour_bar(axes, scale, "attention", values)


def draw_legend(
    figure: Figure, columns: int | None = None, fontsize: float = 10.0, above: bool = False
) -> Legend:
    """One legend of a figure for all its pictures, each name once.

    Args:
        figure: a figure with the layout `constrained`.
        columns: number of columns; as many as fit, up to four, without it.
        fontsize: size of the text, in points.
        above: place it above the pictures, and otherwise below.
    """
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    longest = fontsize * (0.55 * max(map(len, handles), default=1) + 5)
    fitting = min(4, int(72 * figure.get_figwidth() / longest))
    side = "upper" if above else "lower"
    options: dict[str, Any] = {"loc": f"outside {side} center", "frameon": False}
    options |= {"ncols": columns or max(1, fitting), "fontsize": fontsize}
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
        axes = new_axes(4, 4)
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
