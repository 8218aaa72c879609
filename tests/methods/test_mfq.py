"""The mean action of MFQ's neighbours by hand."""

import math

import pytest
import torch
from batches import batch
from torch import nn
from torch_geometric.data import Data

from graphmarl.methods import MFQ
from graphmarl.nn import MeanAction, Output
from graphmarl.step import Spec

# Two graphs of three agents: 1 and 2 send to 0; in the second graph 0 and 1 by 2.
EDGES = torch.tensor([[1, 2, 3, 4], [0, 0, 5, 5]])
DID = torch.tensor([0, 2, 1, 1, 1, 0])


def graph(*time: int) -> Data:
    made = Data(x=torch.zeros(6, 2), edge_index=EDGES, last_action=DID, num_nodes=6)
    made.batch = torch.arange(2).repeat_interleave(3)
    made.time = torch.tensor(time)
    return made


def mean(made: Data) -> list[list[float]]:
    communication, output = MeanAction(3), Output()
    communication.embed = nn.Identity()  # type: ignore[assignment]
    memory = torch.zeros(6, 0)
    assert communication(made, made.x, memory, output) is memory  # type: ignore[arg-type]
    assert output.latent is not None
    return output.latent.tolist()


def test_the_mean_action_is_over_neighbours():
    assert mean(graph(1, 4)) == [[0, 0.5, 0.5], [0] * 3, [0] * 3, [0] * 3, [0] * 3, [0, 1, 0]]


def test_nobody_has_done_anything_where_an_episode_begins():
    assert mean(graph(0, 4))[:3] == [[0] * 3] * 3
    assert mean(graph(0, 4))[5] == [0, 1, 0]
    assert not torch.tensor(mean(graph(0, 0))).any()


def test_values_change_with_what_the_neighbours_did_and_not_with_what_others_did():
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=3, horizon=9)
    network = MFQ(spec).network
    before = network(graph(1, 1), torch.zeros(6, 0))[0].q
    moved = graph(1, 1)
    moved.last_action = torch.tensor([1, 0, 1, 1, 1, 0])
    after = network(moved, torch.zeros(6, 0))[0].q
    assert not torch.isclose(before[0], after[0]).any()
    assert torch.equal(before[1:], after[1:])


def test_the_policy_is_boltzmann_with_a_temperature_that_falls():
    spec = Spec(num_agents=3, obs_shape=(2,), num_actions=3, horizon=9)
    learner = MFQ(spec)
    assert learner.exploration == "boltzmann"
    assert learner.exploring == 1.0
    learner.progress.fill_(1.0)
    assert abs(learner.exploring - 0.1) < 1e-6
    assert MFQ(spec, exploration="epsilon").exploration == "epsilon"


def test_targets_can_be_expected_under_the_policy():
    # Q of the next state is (0, ln 3) by the network and (4, 8) by its target.
    obs = [[[0.0, 0.0]], [[0.0, math.log(3)]]]
    played = batch(obs, [[0]], [[1.0]])
    q, target = torch.tensor(obs)[:, None], torch.tensor([4.0, 8.0]).expand(2, 1, 1, 2)
    spec = Spec(num_agents=1, obs_shape=(2,), num_actions=2, horizon=9)
    learner = MFQ(spec, next_value="expected")
    # At temperature 1 the shares are 1/4 and 3/4.
    assert learner.state_values(played, q, target)[1].item() == pytest.approx(1 + 6)
    assert MFQ(spec).state_values(played, q, target)[1].item() == 8
    greedy = MFQ(spec, next_value="expected", exploration="epsilon", epsilon=0.4)
    assert greedy.state_values(played, q, target)[1].item() == pytest.approx(0.2 * 4 + 0.8 * 8)


def test_a_temperature_may_be_above_one_and_a_probability_may_not():
    spec = Spec(3, (2,), 3, 5)
    assert MFQ(spec, epsilon=20.0, final_epsilon=2.0).exploring == 20.0
    with pytest.raises(ValueError, match="epsilon is 2.0; allowed are probabilities, from 0 to 1"):
        MFQ(spec, exploration="epsilon", epsilon=2.0)
