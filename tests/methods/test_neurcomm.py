"""Slots, messages, spatially discounted rewards, and the loss of A2C."""

from typing import Any

import pytest
import torch
from torch_geometric.data import Data
from toy import Toy

from graphmarl.data import Collector
from graphmarl.graphs import make_graph
from graphmarl.learners.minibatch import Minibatch
from graphmarl.methods import NeurComm
from graphmarl.methods.neurcomm import spatially_discounted
from graphmarl.nn import AgentLinear, ConcatConv, neighbor_slots
from graphmarl.step import Spec

SPEC = Spec(num_agents=3, obs_shape=(2,), num_actions=2, horizon=9)
# Agents at 0, 1 and 3 on a line; the graph is complete.
POS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
ALL = torch.tensor([[2, 1, 0, 2, 1, 0], [0, 0, 1, 1, 2, 2]])
LINE = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


def graph() -> Data:
    return Data(x=torch.arange(6.0).view(3, 2), pos=POS, edge_index=ALL, num_nodes=3)


def test_neighbours_fill_the_slots_by_distance_and_ties_go_to_the_lower_row():
    # Slots of agent 0: 1, 2; of agent 1: 0, 2; of agent 2: 1, 0.
    assert neighbor_slots(ALL, POS, 2).tolist() == [1, 0, 0, 1, 0, 1]
    tied = torch.tensor([[1.0, 0], [0, 0], [-1, 0]])
    assert neighbor_slots(torch.tensor([[2, 0], [1, 1]]), tied, 2).tolist() == [1, 0]
    with pytest.raises(ValueError, match="has 2 neighbours; it has 1 slots"):
        neighbor_slots(ALL, POS, 1)
    with pytest.raises(ValueError, match="no positions"):
        neighbor_slots(ALL, None, 2)


def test_what_is_said_stands_in_the_slot_and_missing_neighbours_are_zeros():
    said = ConcatConv(3)(torch.tensor([[1.0], [2.0], [3.0]]), ALL, neighbor_slots(ALL, POS, 3))
    assert said.squeeze(-1).tolist() == [[2, 3, 0], [1, 3, 0], [2, 1, 0]]


def test_an_agent_reads_observations_of_now_and_policies_and_states_of_before():
    torch.manual_seed(0)
    network: Any = NeurComm(SPEC, neighbors=2, hidden=4).network
    memory = torch.randn(3, 10)
    h, c, policy = memory.split([4, 4, 2], 1)
    output, following = network(graph(), memory)
    x = torch.arange(6.0).view(3, 2)
    # Slots of agent 2: 1, 0.
    known = [
        network.obs_layer(torch.cat([x[2], x[1], x[0]])),
        network.policy_layer(torch.cat([policy[1], policy[0]])),
        network.hidden_layer(torch.cat([h[1], h[0]])),
    ]
    cell = torch.nn.LSTMCell(12, 4, bias=False)
    # torch orders its gates as input, forget, cell, output.
    write, forget, read, new = network.gates.weight.chunk(4)
    weight = torch.cat([write, forget, new, read])
    with torch.no_grad():
        cell.weight_ih.copy_(weight[:, :12])
        cell.weight_hh.copy_(weight[:, 12:])
    h_2, c_2 = cell(torch.cat(known).relu()[None], (h[2:], c[2:]))
    assert torch.allclose(output.features[2], h_2, atol=1e-6)
    assert torch.allclose(following[2, :8], torch.cat([h_2, c_2], 1), atol=1e-6)
    assert torch.allclose(following[:, 8:], output.distribution.probs)


def test_the_value_after_the_last_step_is_the_mean_over_what_neighbours_may_do():
    torch.manual_seed(0)
    learner = NeurComm(SPEC, neighbors=2, hidden=4)
    seen, memory = graph(), torch.randn(3, 10)
    output, _ = learner.network(seen, memory)
    p = output.distribution.probs
    mean = torch.zeros(3)
    for first in range(2):
        for second in range(2):
            for third in range(2):
                chance = p[0, first] * p[1, second] * p[2, third]
                done = torch.tensor([first, second, third])
                mean += chance * learner.value_of(seen, output, done)
    last = learner.last_value(seen, memory)
    assert last is not None
    assert torch.allclose(last, mean, atol=1e-6)
    own = learner.value_of(seen, output, torch.tensor([0, 0, 0]))
    other = learner.value_of(seen, output, torch.tensor([1, 0, 0]))
    assert (own == other).tolist() == [True, False, False], "the own action is not read"


def test_rewards_of_others_count_less_with_every_hop():
    reward = torch.tensor([[1.0, 10, 100], [1, 10, 100]])
    edges = torch.cat([LINE, torch.tensor([[3], [4]])], 1)
    found = spatially_discounted(reward, edges, 0.5)
    # In the line 1 + 5 + 25, 10 + 0.5 + 50, 100 + 5 + 0.25; in the other only 4 has 3.
    assert found.tolist() == [[31, 60.5, 105.25], [1, 10.5, 100]]
    assert spatially_discounted(reward, edges, 1.0)[0].tolist() == [111, 111, 111]


def test_the_learner_reads_its_own_reward_alone_at_zero_and_the_mean_for_the_team():
    env = Toy(2, 3)
    learner = NeurComm(env.spec, rollout_length=6)
    (played, *_) = Collector(env, make_graph("knn:k=1"), learner, 12, 6)
    paid = torch.where(played.acted, played.reward, 0.0)
    near = learner.rewards(played)
    assert not torch.equal(near, paid) and (near >= paid).all()
    learner.spatial_discount = 0.0
    assert torch.equal(learner.rewards(played), paid)
    learner.spatial_discount, learner.reward = 0.9, "team"
    assert torch.equal(learner.rewards(played), paid.mean(-1, keepdim=True).expand_as(paid))


def test_own_weights_are_one_linear_layer_for_each_place():
    torch.manual_seed(0)
    layer, x = AgentLinear(3, 4, 2), torch.randn(6, 4)
    torch.nn.init.normal_(layer.bias)
    each = [layer.weight[row % 3] @ x[row] + layer.bias[row % 3] for row in range(6)]
    assert torch.allclose(layer(x), torch.stack(each), atol=1e-6)
    learner = NeurComm(SPEC, shared=False)
    assert learner.network.num_agents == 3
    assert NeurComm(SPEC).network.num_agents == 0


def test_the_loss_is_that_of_actor_and_critic():
    env = Toy(1, 3, horizon=20)
    learner = NeurComm(env.spec, rollout_length=2)
    (played, *_) = Collector(env, make_graph("knn:k=1"), learner, 2, 2)
    advantage = torch.tensor([[[1.0, 2, 3]], [[4, 5, 6]]])
    target = torch.zeros(2, 1, 3)
    rows = Minibatch(played, torch.arange(2), advantage, target)
    log_prob = rows.log_prob.clone().requires_grad_()
    entropy, value = torch.full((6,), 0.5), torch.full((6,), 2.0)
    loss, parts = learner.loss(log_prob, entropy, value, rows, 0.01)
    # -mean(A) at a ratio of 1, half the mean of 2^2, less 0.01 of 0.5
    assert float(loss.detach()) == pytest.approx(-3.5 + 0.5 * 4 - 0.01 * 0.5, abs=1e-5)
    (gradient,) = torch.autograd.grad(loss, log_prob)
    assert torch.allclose(gradient, -advantage.flatten() / 6)
    assert float(parts["value_loss"]) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbors": 0}, "neighbors is 0; allowed are whole numbers from 1"),
        ({"spatial_discount": -1.0}, "allowed are numbers from 0 to 1"),
    ],
)
def test_bad_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        NeurComm(SPEC, **options)
    with pytest.raises(ValueError, match="NeurComm needs positions"):
        NeurComm(Spec(3, (2,), 2, 9, has_position=False))
