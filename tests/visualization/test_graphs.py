"""Numbers and pictures of agent graphs, against one that is worked out by hand."""

from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch_geometric.data import Batch, Data

from graphmarl.results.plots import draw_curve, save_picture
from graphmarl.step import Scene
from graphmarl.visualization.arrows import Arrows
from graphmarl.visualization.graphs import (
    describe,
    draw_graph,
    draw_legend,
    live_subgraph,
    one_graph,
)

# 0 and 1 hear each other, 2 hears 1; 4 and 5 hear each other; 3 is dead.
EDGES = [(0, 1), (1, 0), (1, 2), (4, 5), (5, 4)]


def hand_made() -> Data:
    return Data(
        x=torch.arange(6.0)[:, None],
        edge_index=torch.tensor(EDGES).T,
        pos=torch.tensor([[0.0, 0], [1, 0], [2, 0], [3, 3], [0, 4], [1, 4]]),
        alive=torch.tensor([True, True, True, False, True, True]),
        kind=torch.tensor([0, 0, 1, 0, 1, 0]),
        num_nodes=6,
    )


def scene() -> Scene:
    food = (torch.tensor([[2.0, 2.0], [3.0, 1.0]]), torch.tensor([1.0, 0.2]))
    return Scene((0.0, 0.0), (5.0, 5.0), {"food": food})


def test_describe_counts_a_graph_worked_out_by_hand():
    # Five live, in the parts {0, 1, 2} and {4, 5}: 3 x 2 + 2 x 1 of the 5 x 4 pairs are connected,
    # and from 0 to 2 it is two hops.
    assert describe(hand_made()) == {
        "agents": 5,
        "edges": 5,
        "degree": 1.0,
        "components": 2,
        "connected": 0.4,
        "diameter": 2,
    }


@pytest.mark.parametrize(("agents", "connected"), [(0, 1.0), (1, 1.0), (3, 0.0)])
def test_describe_knows_graphs_without_edges(agents, connected):
    found = describe(Data(edge_index=torch.empty(2, 0, dtype=torch.long), num_nodes=agents))
    assert (found["agents"], found["components"]) == (agents, agents)
    assert (found["degree"], found["diameter"], found["connected"]) == (0.0, 0, connected)


def test_the_dead_are_no_part_of_the_network():
    network = live_subgraph(hand_made())
    assert sorted(network.nodes) == [0, 1, 2, 4, 5]
    assert sorted(network.edges) == sorted(EDGES)


def test_one_graph_takes_the_agents_and_edges_of_one_environment():
    first, second = hand_made(), hand_made()
    second.x = torch.arange(100.0, 106.0)[:, None]
    second.alive = torch.ones(6, dtype=torch.bool)
    second.edge_index = torch.tensor([[2, 5], [3, 0]])
    both: Any = Batch.from_data_list([first, second])
    part = one_graph(both, 1, 6)
    assert part.num_nodes == 6
    assert part["x"].flatten().tolist() == [100, 101, 102, 103, 104, 105]
    assert part.alive.all()
    assert part["edge_index"].T.tolist() in ([[2, 3], [5, 0]], [[5, 0], [2, 3]])
    assert sorted(map(tuple, one_graph(both, 0, 6)["edge_index"].T.tolist())) == sorted(EDGES)


def test_a_picture_shows_the_living_over_the_map(tmp_path):
    figure = Figure(figsize=(6, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_graph(hand_made(), scene(), left, kinds=("red", "blue"))
    draw_graph(hand_made(), axes=right)
    shown = {str(c.get_label()): len(c.get_offsets()) for c in left.collections}  # type: ignore[arg-type]
    assert (shown["red"], shown["blue"]) == (3, 2)
    assert left.get_xlim() == (0, 5)
    below, above = (each for each in left.collections if isinstance(each, Arrows))
    assert len(below.start) == len(above.start) == 1, "one edge goes one way"
    (lines,) = (each for each in left.collections if isinstance(each, LineCollection))
    assert len(lines.get_segments()) == 2, "0 and 1, 4 and 5"
    names = [text.get_text() for text in draw_legend(figure).get_texts()]
    assert names == [
        "red",
        "blue",
        "food",
        "edges in both directions",
        "edge, sender to receiver",
        "agents",
    ]
    save_picture(left, tmp_path / "graph.png", dpi=50)
    assert plt.imread(tmp_path / "graph.png").shape[:2] == (150, 300)


def test_a_graph_without_edges_or_agents_can_be_drawn(tmp_path):
    nobody = hand_made()
    nobody.edge_index = torch.empty(2, 0, dtype=torch.long)
    save_picture(draw_graph(nobody, scene()), tmp_path / "still.png", dpi=40)
    nobody.alive = torch.zeros(6, dtype=torch.bool)
    save_picture(draw_graph(nobody, scene()), tmp_path / "empty.png", dpi=40)
    assert (tmp_path / "still.png").stat().st_size > (tmp_path / "empty.png").stat().st_size > 0


def test_agents_without_positions_are_not_drawn():
    with pytest.raises(ValueError, match="no `pos`"):
        draw_graph(Data(edge_index=torch.empty(2, 0, dtype=torch.long), num_nodes=2))


def test_a_curve_leaves_out_the_lines_without_the_metric(tmp_path):
    rows = [
        {"env_steps": 10, "return": 1.0},
        {"env_steps": 20},
        {"env_steps": 30, "return": 3.0},
    ]
    axes = draw_curve(rows, label="seed 0")
    assert axes.lines[0].get_xydata().tolist() == [[10, 1], [30, 3]]  # type: ignore[union-attr]
    save_picture(axes, tmp_path / "curve.png", dpi=40)
    assert (tmp_path / "curve.png").stat().st_size > 0
