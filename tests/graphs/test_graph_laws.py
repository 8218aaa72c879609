"""What holds for every builder in GRAPHS and every wrapper; a new builder joins by being there."""

import inspect

import brute
import networkx as nx
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import Compose
from torch_geometric.utils import to_networkx

from graphmarl.agent_graph import agent_graph
from graphmarl.graphs import (
    GRAPHS,
    Directional,
    Distance,
    GraphBuilder,
    RelativePosition,
    make_graph,
)
from graphmarl.graphs import agents as agents_module
from graphmarl.step import Spec, Step


def required(name: str) -> dict[str, int]:
    """Arguments that have no default; 2 is a sensible number, distance and count."""
    parameters = inspect.signature(GRAPHS[name]).parameters.values()
    return {
        p.name: 2 for p in parameters if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD
    }


def make(name: str, wrap: dict) -> GraphBuilder:
    builder = make_graph(name, **required(name), **wrap)
    builder.seed(1)
    return builder


WRAPS = ({}, {"shuffle": True}, {"refresh": 3}, {"delay": 0}, {"delay": 1}, {"drop": 0.3})
# Builders that look at positions have two forms: all pairs of agents, and a k-d tree.
BUILDERS = [
    (name, wrap, form)
    for name, kind in GRAPHS.items()
    for wrap in WRAPS
    for form in (("dense", "tree") if kind.needs_position else ("dense",))
]
# Random numbers are drawn for a batch as a whole, in the order of its agents.
FIXED = [each for each in BUILDERS if not make(*each[:2]).stochastic]


def over(builders: list) -> pytest.MarkDecorator:
    names = [
        "-".join([name, *[f"{option}={value}" for option, value in wrap.items()], form])
        for name, wrap, form in builders
    ]
    return pytest.mark.parametrize(("name", "wrap", "form"), builders, ids=names, indirect=["form"])


every_builder, every_fixed_builder = over(BUILDERS), over(FIXED)
both_forms = pytest.mark.parametrize("form", ["dense", "tree"], indirect=True)


@pytest.fixture(autouse=True)
def form(request, monkeypatch):
    chosen = getattr(request, "param", "dense")
    monkeypatch.setattr(agents_module, "DENSE_AGENTS", {"dense": 10**9, "tree": -1}[chosen])


def linked_agents(seed: int, **options) -> Data:
    """Agents with links between random agents of the same graph."""
    data = brute.agents(seed, **options)
    draw = torch.Generator().manual_seed(seed)
    pairs = torch.randint(0, max(data.num_nodes or 0, 1), (2, 40), generator=draw)
    if data.num_nodes == 0:
        pairs = pairs[:, :0]
    same = data["batch"][pairs[0]] == data["batch"][pairs[1]]
    data.links = pairs[:, same & (pairs[0] != pairs[1])]
    return data


def alone(data: Data, g: int) -> Data:
    """One graph of a batch, without `batch` and `ptr`."""
    start, end = data.ptr[g : g + 2].tolist()
    inside = (data.links[0] >= start) & (data.links[0] < end)
    return Data(
        pos=data["pos"][start:end],
        alive=data.alive[start:end],
        links=data.links[:, inside] - start,
        time=data["time"][g : g + 1],
        num_nodes=end - start,
    )


@every_builder
def test_edges_join_distinct_live_agents_of_one_graph_once_and_in_order(name, wrap):
    for seed in range(10):
        data = linked_agents(seed)
        edge_index = make(name, wrap)(data)["edge_index"]
        assert edge_index.dtype == torch.long
        sender, receiver = edge_index
        assert (sender != receiver).all()
        assert data.alive[edge_index].all()
        assert (data["batch"][sender] == data["batch"][receiver]).all()
        key = receiver * max(data.num_nodes or 0, 1) + sender
        assert (key.diff() > 0).all()


@every_builder
def test_the_same_seed_gives_the_same_edges_and_no_seed_is_seed_zero(name, wrap):
    data = linked_agents(3, sizes=(12, 9))
    unseeded = make_graph(name, **required(name), **wrap)
    seeded = make_graph(name, **required(name), **wrap)
    seeded.seed(0)
    for _ in range(3):
        assert torch.equal(unseeded(data)["edge_index"], seeded(data)["edge_index"])


@every_builder
def test_dead_agents_change_nothing_wherever_they_are(name, wrap):
    data = linked_agents(5, sizes=(12, 3, 9))
    before = make(name, wrap)(data)["edge_index"]
    moved = data.clone()
    moved["pos"][~data.alive] = torch.nan
    assert torch.equal(make(name, wrap)(moved)["edge_index"], before)


@every_builder
@pytest.mark.parametrize("size", [0, 1])
def test_no_one_and_a_lone_agent_have_no_edges(name, wrap, size):
    data = linked_agents(0, sizes=(size,))
    data.alive = torch.ones(size, dtype=torch.bool)
    assert make(name, wrap)(data)["edge_index"].shape == (2, 0)
    empty = linked_agents(0, sizes=(0, size, 0))
    assert make(name, wrap)(empty)["edge_index"].shape == (2, 0)


@every_builder
def test_old_edges_and_their_features_go_and_the_data_is_not_changed(name, wrap):
    data = linked_agents(3, sizes=(6, 7))
    data.edge_index, data.edge_attr = torch.zeros(2, 1, dtype=torch.long), torch.ones(1, 3)
    graph = make(name, wrap)(data)
    assert "edge_attr" not in graph
    assert data.edge_attr is not None
    assert data.edge_index is not None
    assert data.edge_index.shape == (2, 1)
    assert graph.pos is data.pos


@every_fixed_builder
def test_a_batch_of_graphs_equals_each_graph_alone(name, wrap):
    for seed in range(10):
        data = linked_agents(seed)
        parts = [
            make(name, wrap)(alone(data, g))["edge_index"] + start
            for g, start in enumerate(data.ptr[:-1].tolist())
        ]
        assert torch.equal(make(name, wrap)(data)["edge_index"], torch.cat(parts, 1))


@every_fixed_builder
def test_renumbering_the_agents_renumbers_the_edges(name, wrap):
    for seed in range(10):
        data = linked_agents(seed, sizes=(11,), spread=True)
        order = torch.randperm(11, generator=torch.Generator().manual_seed(seed))
        place = order.argsort()  # old row i is now row place[i]
        moved = data.clone()
        moved.pos, moved.alive = data["pos"][order], data.alive[order]
        moved.links = place[data.links]
        before = make(name, wrap)(data)["edge_index"]
        after = make(name, wrap)(moved)
        assert brute.edges(after) == brute.ordered(zip(*place[before].tolist(), strict=True))


@every_builder
def test_edges_made_in_inference_mode_can_be_trained_on(name, wrap):
    data = linked_agents(3, sizes=(6, 7))
    with torch.inference_mode():
        edge_index = make(name, wrap)(data.clone())["edge_index"]
    assert not edge_index.is_inference()


@every_builder
def test_a_saved_state_goes_on_with_the_same_edges(name, wrap, tmp_path):
    data = linked_agents(3, sizes=(12, 9))
    builder, other = make(name, wrap), make(name, wrap)
    builder(data)
    torch.save(builder.state_dict(), tmp_path / "state.pt")
    data["time"][:] = 1
    expected = [builder(data)["edge_index"] for _ in range(2)]
    other.seed(2)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert all(torch.equal(other(data)["edge_index"], e) for e in expected)


@every_builder
def test_the_agent_graph_of_a_step_is_data_like_any_other(name, wrap):
    step = Step(
        obs=torch.zeros(2, 5, 1),
        alive=torch.tensor([[True] * 5, [False] + [True] * 4]),
        reward=torch.zeros(2, 5),
        terminated=torch.zeros(2, dtype=torch.bool),
        truncated=torch.zeros(2, dtype=torch.bool),
        time=torch.zeros(2, dtype=torch.long),
        position=torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(0)),
        links=torch.tensor([[0, 5, 6], [1, 6, 7]]),
    )
    graph = make(name, wrap)(agent_graph(step, Spec(5, (1,), 2, 9)))
    assert 5 not in graph["edge_index"]
    if name == "links" and not {"drop", "shuffle"} & {*wrap} and wrap.get("delay") != 1:
        assert graph["edge_index"].tolist() == [[0, 6], [1, 7]]


@both_forms
@pytest.mark.parametrize("sector", ["half_plane", "quadrant"])
def test_directional_edges_go_both_ways(sector):
    for seed in range(20):
        pairs = brute.edges(Directional(sector)(brute.agents(seed)))
        assert {(j, i) for i, j in pairs} == set(pairs)


@both_forms
def test_directional_joins_distinct_positions_and_connects_below_a_unique_top():
    connected = 0
    for seed in range(60):
        data = brute.agents(seed, sizes=(9,))
        pos = data["pos"].double()
        data.alive[:] = True
        graph = to_networkx(Directional()(data), to_undirected=True)
        if len(pos.unique(dim=0)) > 1:
            assert min(dict(graph.degree).values()) >= 1
        if (pos[:, 1] == pos[:, 1].min()).sum() == 1:
            connected += 1
            assert nx.is_connected(graph)
    assert connected > 10


def test_edge_features_are_seen_from_the_receiver_and_compose():
    data = Data(pos=torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    graph = Compose([make_graph("complete"), RelativePosition(scale=2.0), Distance()])(data)
    assert graph.edge_index.tolist() == [[1, 0], [0, 1]]
    assert graph.edge_attr.tolist() == [[1.5, 2.0, 5.0], [-1.5, -2.0, 5.0]]
