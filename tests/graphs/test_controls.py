"""Controls of a graph: shuffled edges keep degrees, delayed edges are those of n steps ago."""

import brute
import pytest
import torch
from torch_geometric.data import Data

from graphmarl.graphs import (
    KNN,
    Complete,
    Delay,
    Directional,
    DropEdges,
    GraphBuilder,
    Links,
    NoEdges,
    Random,
    Refresh,
    ShuffleEdges,
    make_graph,
)
from graphmarl.graphs.shuffle import EdgeGroups, exchanged, shuffled


def degrees(edge_index: torch.Tensor, rows: int) -> list[list[int]]:
    return [torch.bincount(side, minlength=rows).tolist() for side in edge_index]


@pytest.mark.parametrize("builder", [KNN(1), KNN(3), Random(2), Directional(), Complete()])
def test_shuffled_edges_keep_both_degrees_of_every_agent(builder):
    shuffled = ShuffleEdges(builder)
    for seed in range(30):
        data = brute.agents(seed)
        builder.seed(seed)
        before = builder(data)["edge_index"]
        shuffled.seed(seed)  # also the wrapped builder, so that it draws the same
        after = shuffled(data)["edge_index"]
        rows = data.num_nodes or 0
        assert degrees(after, rows) == degrees(before, rows)
        assert torch.unique(after, dim=1).shape == after.shape


def test_shuffled_partners_are_other_ones():
    data = brute.agents(0, sizes=(40, 30, 50), spread=True)
    true = set(brute.edges(KNN(2)(data)))
    for _ in range(5):
        # Of two partners among forty, 5 % are true by chance; a quarter would be a mistake.
        assert len(true & set(brute.edges(ShuffleEdges(KNN(2))(data)))) < len(true) / 4


def ring(graphs: int, agents: int) -> Data:
    """In each graph agent i hears agent i - 1."""
    receiver = torch.arange(graphs * agents)
    first = receiver // agents * agents
    sender = first + (receiver - first - 1) % agents
    return Data(
        alive=torch.ones(len(receiver), dtype=torch.bool),
        batch=receiver // agents,
        links=torch.stack([sender, receiver]),
    )


def test_every_partner_of_a_ring_is_equally_likely():
    graphs, agents = 4000, 6
    sender, receiver = ShuffleEdges(Links())(ring(graphs, agents))["edge_index"]
    step = (receiver - sender) % agents
    share = torch.bincount(step, minlength=agents) / len(step)
    # Five others, each with probability 1/5; five standard deviations are 0.013.
    assert share[0] == 0
    torch.testing.assert_close(share[1:], torch.full((5,), 0.2), atol=0.013, rtol=0)


def test_a_ring_of_three_is_turned_round_half_of_the_time():
    edges = ShuffleEdges(Links())(ring(1000, 3))["edge_index"]
    turned = ((edges[1] - edges[0]) % 3 == 2).view(1000, 3)
    assert torch.equal(turned.any(1), turned.all(1))
    assert abs(float(turned.float().mean()) - 0.5) < 5 * 0.5 / 1000**0.5


def test_a_graph_whose_degrees_allow_no_other_is_unchanged():
    data = brute.agents(0, sizes=(7, 1, 5))
    star = Data(alive=torch.ones(4, dtype=torch.bool), links=torch.tensor([[1, 2, 3], [0, 0, 0]]))
    for builder, agents in [(Complete(), data), (NoEdges(), data), (Links(), star)]:
        assert brute.edges(ShuffleEdges(builder)(agents)) == brute.edges(builder(agents))


def exchanged_pairs(edges, draw, num_nodes):
    graph = torch.zeros(edges.shape[1], dtype=torch.long)
    (order,) = shuffled(graph, torch.tensor([draw]))
    return exchanged(edges[:, order], EdgeGroups.of(graph, 2), num_nodes)


def test_edges_of_a_graph_stay_together_in_the_order_of_their_draws():
    graph = torch.tensor([0, 0, 0, 2, 2])
    draws = torch.tensor([[0.9, 0.1, 0.5, 1 - 2**-52, 0.0], [0.0, 0.2, 0.1, 0.4, 0.5]]).double()
    assert shuffled(graph, draws).tolist() == [[1, 2, 0, 4, 3], [0, 2, 1, 3, 4]]
    groups = EdgeGroups.of(torch.tensor([0, 0, 0, 2, 2, 2, 2]), 3)
    assert groups.follower.tolist() == [1, 2, 0, 4, 5, 3, 6]
    assert (groups.group.tolist(), groups.count) == ([0, 0, 0, 1, 1, 1, 2], 2)


def test_edges_left_over_and_refused_exchanges_keep_their_receivers():
    # In order of the draws: 0->1 and 2->3 exchange, 4->5 and 5->4 would be self loops, 6->7 is
    # left over.
    edges = torch.tensor([[0, 2, 5, 4, 6], [1, 3, 4, 5, 7]])
    found = exchanged_pairs(edges, [0.1, 0.2, 0.4, 0.3, 0.5], 8)
    assert found.tolist() == [[0, 2, 4, 5, 6], [3, 1, 5, 4, 7]]
    # 0->1 and 2->3 would give 0->3, which is there.
    edges = torch.tensor([[0, 0, 2], [1, 3, 3]])
    found = exchanged_pairs(edges, [0.1, 0.9, 0.2], 4)
    assert {*zip(*found.tolist(), strict=True)} == {(0, 1), (0, 3), (2, 3)}
    # 0->1 and 2->5, and 0->3 and 4->5, would both give 0->5.
    edges = torch.tensor([[0, 2, 0, 4], [1, 5, 3, 5]])
    assert torch.equal(exchanged_pairs(edges, [0.1, 0.2, 0.3, 0.4], 6), edges)


def test_an_exchange_may_be_turned_off():
    data = brute.agents(4, sizes=(9, 8))
    off = make_graph("knn:k=2,shuffle=no")
    assert not off.stochastic
    assert brute.edges(off(data)) == brute.edges(KNN(2)(data))


class Numbered(GraphBuilder):
    """In step t of an episode agent 0 hears agent 1 + t % 5."""

    def edges(self, data, agents):
        receiver = agents.ptr[:-1]
        found = torch.stack([receiver + 1 + data["time"] % 5, receiver])
        return found[:, (agents.number[found] >= 0).all(0)]


def clocked(*time: int, dead: tuple[int, ...] = ()) -> Data:
    """A graph of six agents for each time."""
    alive = torch.ones(6 * len(time), dtype=torch.bool)
    alive[list(dead)] = False
    batch = torch.arange(len(time)).repeat_interleave(6)
    return Data(alive=alive, batch=batch, time=torch.tensor(time))


def heard(builder: GraphBuilder, *time: int, dead: tuple[int, ...] = ()) -> list[int]:
    """Whom the first agent of each graph hears; 0 for nobody."""
    found = dict.fromkeys(range(len(time)), 0)
    sender, receiver = builder(clocked(*time, dead=dead))["edge_index"]
    found |= dict(zip((receiver // 6).tolist(), (sender % 6).tolist(), strict=True))
    return [*found.values()]


@pytest.mark.parametrize("steps", [0, 1, 3, 7])
def test_edges_are_those_of_n_steps_ago_in_the_same_episode(steps):
    builder, time = Delay(Numbered(), steps), torch.tensor([0, 2, 5])
    age = torch.zeros(3, dtype=torch.long)  # steps that the builder has seen of each episode
    draw = torch.Generator().manual_seed(steps)
    for _ in range(60):
        expected = torch.where(age < steps, 0, 1 + (time - steps) % 5).tolist()
        assert heard(builder, *time.tolist()) == expected
        ends = torch.rand(3, generator=draw) < 0.15
        time, age = torch.where(ends, 0, time + 1), torch.where(ends, 0, age + 1)


def test_a_delayed_edge_does_not_outlive_its_agents():
    builder = Delay(Numbered(), 2)
    heard(builder, 0)
    heard(builder, 1)
    assert heard(builder, 2, dead=(1,)) == [0]  # 0 hears 1, which has died
    assert heard(builder, 3) == [2]
    # Agent 4 sends in step 3 and dies in step 4; the next one in its slot has said nothing.
    assert heard(builder, 4, dead=(4,)) == [3]
    assert heard(builder, 5) == [0]


def test_a_batch_of_another_shape_hears_nothing_of_the_one_before():
    builder = Delay(Numbered(), 1)
    heard(builder, 0, 0)
    assert heard(builder, 1) == [0]
    assert heard(builder, 2) == [2]


def test_delayed_edges_go_on_after_a_restart(tmp_path):
    builder = make_graph("random:k=2,shuffle=yes,refresh=2,delay=3,drop=0.2")
    for time in range(5):
        builder(clocked(time, time + 1))
    torch.save(builder.state_dict(), tmp_path / "state.pt")
    other = make_graph("random:k=2,shuffle=yes,refresh=2,delay=3,drop=0.2")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for times in [(5, 6), (6, 0), (7, 1), (0, 2), (1, 3), (2, 4), (3, 5)]:
        expected, found = (each(clocked(*times))["edge_index"] for each in (builder, other))
        assert torch.equal(expected, found)


def test_a_stored_edge_is_a_copy():
    builder = Delay(Numbered(), 0)
    builder(clocked(0))["edge_index"].zero_()
    builder.steps = 1
    assert heard(builder, 1) == [1]


def test_wrappers_are_nested_in_one_order():
    built = make_graph("knn:drop=0.1,delay=2,refresh=5,shuffle=true,k=3")
    text = "ShuffleEdges(KNN(k=3), shuffle=True)"
    assert repr(built) == f"DropEdges(Delay(Refresh({text}, every=5), steps=2), p=0.1)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_graph("knn:delay=-1"), "steps is '?-1'?; allowed are whole numbers from 0"),
        (lambda: make_graph("knn:shuffle=3"), "shuffle is '3'; allowed are true and false"),
        (lambda: Delay(Complete(), 1)(Data(alive=torch.ones(3))), "Delay needs .* no `time`"),
        (lambda: Refresh(Delay(KNN(), 1)), "needs every step; wrap Refresh in it instead"),
        (lambda: Refresh(DropEdges(Delay(KNN(), 1), 0.1)), "needs every step"),
    ],
)
def test_bad_controls_are_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
