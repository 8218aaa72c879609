"""The winner of Flatland 2020: what its network reads, and what is refused."""

from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphmarl.methods import FlatlandWinner
from graphmarl.methods.flatland_winner import ways
from graphmarl.step import Spec

PARTS = {"own": slice(0, 9), "tree": slice(9, 205)}
SPEC = Spec(num_agents=3, obs_shape=(205,), num_actions=3, horizon=9, layout=PARTS)
EDGES = torch.tensor([[1, 2], [0, 0]])


def test_sizes_and_settings_are_those_of_the_solution():
    learner = FlatlandWinner(SPEC)
    network: Any = learner.network
    assert (network.tree_encoder.size, network.signal.out_features, network.conv.heads) == (
        128,
        32,
        5,
    )
    assert network.actor[0].out_features == 256
    assert (learner.learning_rate, learner.rollout_length, learner.epochs) == (1e-5, 16, 3)
    assert (learner.gamma, learner.gae_lambda, learner.minibatch_size) == (0.995, 0.95, 32)
    assert (learner.clip_range, learner.value_coef, learner.entropy_coef) == (0.2, 0.5, 0.01)


def test_the_value_reads_no_signal_and_the_policy_does():
    network: Any = FlatlandWinner(SPEC).network
    graph = Data(x=torch.randn(3, 205), edge_index=EDGES, num_nodes=3)
    before, _ = network(graph, torch.zeros(3, 0))
    assert graph.x is not None
    graph.x[1] += 1.0
    after, _ = network(graph, torch.zeros(3, 0))
    assert torch.equal(before.value[0], after.value[0])
    assert not torch.equal(before.distribution.logits[0], after.distribution.logits[0])
    assert torch.equal(before.distribution.logits[2], after.distribution.logits[2])
    assert before.attention.shape == (2, 5)


def test_the_tree_may_stand_anywhere():
    spec = Spec(3, (10,), 3, 9, layout={"tree": slice(2, 8)})
    network: Any = FlatlandWinner(spec, depth=1).network
    x = torch.randn(3, 10)
    output, _ = network(Data(x=x, edge_index=EDGES, num_nodes=3), torch.zeros(3, 0))
    thought = network.tree_encoder(torch.cat([x[:, :2], x[:, 8:]], 1), x[:, 2:8].view(3, 2, 3))
    assert torch.equal(output.features[:, :128], thought)


def test_signals_are_attended_to_with_the_way_to_where_their_sender_was_met():
    assert ways(2).tolist() == [[-1, 0], [1, 0], [-1, -1], [-1, 1], [1, -1], [1, 1]]
    parts = {"own": slice(0, 3), "tree": slice(3, 15), "met": slice(15, 21)}
    spec = Spec(3, (21,), 3, 9, layout=parts)
    network: Any = FlatlandWinner(spec, depth=2, met="met").network
    x = torch.randn(3, 21)
    x[:, 2] = torch.tensor([0.1, 0.2, 0.3])
    x[:, 15:] = -1
    x[0, 15:] = torch.tensor([-1, 0.3, -1, 0.2, 0.3, -1])
    graph = Data(x=x, edge_index=torch.tensor([[1, 2, 0], [0, 0, 1]]), num_nodes=3)
    assert network.way(x, graph.edge_index).tolist() == [[-1, 1], [1, 0], [0, 0]]
    before, _ = network(graph, torch.zeros(3, 0))
    x[0, 18], x[0, 19] = 0.3, 0.2
    after, _ = network(graph, torch.zeros(3, 0))
    assert not torch.equal(before.latent[0], after.latent[0])
    assert torch.equal(before.latent[1:], after.latent[1:])
    assert torch.equal(before.value, after.value), "the critic reads the tree only"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"met": "met"}, "met is 'met'; the layout of the observation names own, tree"),
        ({"met": "own"}, "own has 9 numbers; the tree has 14 nodes"),
        ({"tree": "wood"}, "tree is 'wood'; the layout of the observation names own, tree"),
        ({"depth": 0}, "depth is 0; allowed are whole numbers from 1"),
        ({"depth": 4}, "tree has 196 numbers, which 30 nodes cannot share"),
    ],
)
def test_what_is_no_tree_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FlatlandWinner(SPEC, **options)
