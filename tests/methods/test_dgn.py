"""The temporal regularisation of DGN by hand, and what its head reads."""

import math

import pytest
import torch
from batches import batch
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.data import Collector, Trajectory
from graphmarl.graphs import make_graph
from graphmarl.learners.transitions import edges_that_stay
from graphmarl.methods import DGN
from graphmarl.methods.dgn import DGNNetwork, divergence
from graphmarl.nn import Output
from graphmarl.step import Spec

OTHERS = Output()


class Shares(DGNNetwork):
    """Attends to the agents of a graph by weights that they carry in what they see."""

    def __init__(self) -> None:
        super().__init__(2, 2, 4, 4, 1, 1)

    def last_attention(self, graph):
        sender, receiver = graph["edge_index"]
        weight = graph["x"][:, :1]
        total = weight.index_add(0, receiver, weight[sender])
        return weight[sender] / total[receiver], weight / total


def made(temporal: float = 1.0) -> DGN:
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=9)
    learner = DGN(spec, temporal=temporal)
    learner.network = Shares()
    return learner


def seen(*weights: float) -> list[list[float]]:
    return [[weight, 0.0] for weight in weights]


def temporal(learner: DGN, trajectory: Trajectory) -> float:
    return learner.extra_losses(trajectory, OTHERS, OTHERS)["temporal"].item()


# 1 and 2 speak to 0; weights 1, 1, 2 become 2, 1, 1.
NOW, THEN = seen(1, 1, 2), seen(2, 1, 1)
EDGES = [[(1, 0), (2, 0)], [(0, 1)]]


def played(now=NOW, then=THEN, edges=EDGES, **others) -> Trajectory:
    return batch([now, then], [[0, 0, 0]], [[0.0, 0.0, 0.0]], edges, **others)


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_agents_are_pulled_to_how_they_attend_next_among_the_same_neighbours():
    # Agent 0 attends to itself, 1 and 2 by 1, 1, 2 and then by 2, 1, 1; the others to themselves.
    expected = kl([1 / 4, 1 / 4, 2 / 4], [2 / 4, 1 / 4, 1 / 4]) / 3
    assert temporal(made(), played()) == pytest.approx(expected)
    assert temporal(made(0.03), played()) == pytest.approx(0.03 * expected)


def test_nothing_is_lost_where_nothing_changes():
    assert temporal(made(), played(then=NOW)) == 0


def test_dead_agents_are_no_neighbours_in_the_next_state():
    # Without 2, agent 0 attends to itself and 1 by 1, 1 and then by 2, 1; 2 itself does not count.
    alive = torch.tensor([[True, True, True], [True, True, False]])
    expected = kl([1 / 2, 1 / 2], [2 / 3, 1 / 3]) / 2
    assert temporal(made(), played(alive=alive, survived=alive[1:])) == pytest.approx(expected)


def test_two_environments_and_seams_count_by_their_transitions():
    valid = [True, False, True, False]
    steps = [NOW, THEN, NOW, NOW]
    trajectory = batch(steps, [[0] * 3] * 3, [[0.0] * 3] * 3, [EDGES[0]] * 4, valid=valid)
    first = kl([1 / 4, 1 / 4, 2 / 4], [2 / 4, 1 / 4, 1 / 4]) / 3
    assert temporal(made(), trajectory) == pytest.approx((first + 0) / 2)


def test_divergence_is_a_mean_over_heads_and_stands_zeros():
    p, q = torch.tensor([[0.5, 1.0], [0.5, 0.0]]), torch.tensor([[0.25, 1.0], [0.75, 0.0]])
    terms = divergence(p, q)
    expected = kl([0.5, 0.5], [0.25, 0.75]) / 2
    assert terms.sum().item() == pytest.approx(expected)
    assert torch.isfinite(divergence(p, torch.zeros(2, 2))).all()


def test_it_is_never_negative_and_pulls_the_present_alone():
    env = Toy(num_agents=5)
    learner = DGN(env.spec, encoder_hidden=8, hidden=8, heads=2, temporal=1.0, rollout_length=9)
    losses = []
    for trajectory in Collector(env, make_graph("knn:k=2"), learner, 150, 9):
        loss = learner.extra_losses(trajectory, OTHERS, OTHERS)["temporal"]
        losses.append(loss.item())
        loss.backward()
    assert all(loss > 0 for loss in losses)
    q = torch.rand(3, 2, requires_grad=True)
    p = torch.rand(3, 2, requires_grad=True)
    divergence(p, q).sum().backward()
    assert q.grad is None and p.grad is not None


def test_there_is_no_such_loss_unless_it_is_asked_for():
    learner = made(0.0)
    assert learner.extra_losses(played(), OTHERS, OTHERS) == {}
    assert learner.loss_names == ("td",)
    assert made().loss_names == ("td", "temporal")


def test_values_read_the_features_of_every_layer():
    network = DGNNetwork(6, 3, 8, 4, 2, 3)
    env = Toy()
    graph = make_graph("complete")(agent_graph(env.reset(0), env.spec))
    output, _ = network(graph, torch.zeros(12, 0))
    features, alpha = network.attend(graph)
    assert [tuple(f.shape) for f in features] == [(12, 4)] * 4
    assert output.features is not None
    assert torch.equal(output.features, torch.cat(features, 1))
    assert output.attention is not None
    assert torch.equal(output.attention, alpha)
    edge, own = network.last_attention(graph)
    assert torch.allclose(edge, alpha, atol=1e-6)
    total = own.index_add(0, graph["edge_index"][1], edge)
    assert torch.allclose(total, torch.ones_like(total))


def test_no_convolution_is_refused():
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=9)
    with pytest.raises(ValueError, match="layers is 0; allowed are whole numbers from 1"):
        DGN(spec, layers=0)


def test_targets_can_use_the_graph_before_the_transition():
    alive = [[True, True, True], [True, True, False]]
    trajectory = played(alive=alive)
    kept = edges_that_stay(trajectory)
    # 1 and 2 speak to 0; then 2 is dead.
    assert kept.select(torch.tensor([0]))[0].tolist() == [[1, 2], [0, 0]]
    assert kept.select(torch.tensor([1]))[0].tolist() == [[1], [0]]
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=9)
    seen: list[list[list[int]]] = []

    class Recorded(DGN):
        def _transition_outputs(self, batch):
            seen.append(batch.graph(1).edge_index.tolist())  # type: ignore[union-attr]
            return super()._transition_outputs(batch)

    for next_graph in ("own", "same"):
        Recorded(spec, next_graph=next_graph).losses(trajectory)  # type: ignore[arg-type]
    assert seen[1] == [[1], [0]] != seen[0]
    with pytest.raises(ValueError, match="needs single transitions"):
        DGN(spec, next_graph="same", sample="episode")
