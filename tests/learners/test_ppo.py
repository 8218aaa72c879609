"""Advantages, minibatches and gradients of PPO against arithmetic and plain loops."""

from typing import Any

import pytest
import torch
from torch import nn
from toy import Toy

from graphmarl.agent_graph import Edges
from graphmarl.data import Collector, Trajectory
from graphmarl.graphs import make_graph
from graphmarl.learners import PPO
from graphmarl.learners.diagnostics import TeamGradients
from graphmarl.learners.minibatch import Minibatch
from graphmarl.learners.value_normalizer import ValueNormalizer
from graphmarl.methods import METHODS
from graphmarl.nn import ActorCritic
from graphmarl.resolver import construct
from graphmarl.step import Spec

SPEC = Spec(num_agents=2, obs_shape=(1,), num_actions=2, horizon=9, has_position=False)


def trajectory(**changes: torch.Tensor) -> Trajectory:
    """Three steps of one environment with two agents; values are 10, 20, 30 and 40 after."""
    no = torch.zeros(3, 1, dtype=torch.bool)
    live = torch.ones(3, 1, 2, dtype=torch.bool)
    value = torch.tensor([10.0, 20.0, 30.0]).view(3, 1, 1).repeat(1, 1, 2)
    made = Trajectory(
        spec=SPEC,
        edges=Edges(torch.zeros(2, 0, dtype=torch.int32), torch.zeros(4, dtype=torch.long), 2),
        obs=torch.zeros(3, 1, 2, 1),
        alive=live,
        time=torch.arange(3)[:, None],
        action=torch.zeros(3, 1, 2, dtype=torch.long),
        reward=torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1).repeat(1, 1, 2),
        survived=live,
        terminated=no,
        truncated=no,
        valid=~no,
        memory=torch.zeros(2, 0),
        last_value=torch.full((1, 2), 40.0),
        stored={"value": value, "log_prob": torch.zeros(3, 1, 2)},
    )
    for name, change in changes.items():
        setattr(made, name, change)
    return made


def learner(**options) -> PPO:
    network = ActorCritic(1, 2, hidden=4)
    return PPO(network, **{"gamma": 0.5, "gae_lambda": 0.5, "reward_scale": 1.0, **options})


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(3, 1, 1).expand(3, 1, 2)


def test_an_episode_that_goes_on():
    # delta = 1 + 10 - 10, 2 + 15 - 20, 3 + 20 - 30 = 1, -3, -7; trace 0.25
    advantage, target = learner().advantages(trajectory())
    expected = column(1 + 0.25 * (-3 + 0.25 * -7), -3 + 0.25 * -7, -7)
    assert torch.allclose(advantage, expected)
    assert torch.allclose(target, expected + column(10, 20, 30))


def test_truncation_counts_what_follows_and_goes_no_further():
    cut = torch.tensor([False, True, False])[:, None]
    advantage, _ = learner().advantages(trajectory(truncated=cut))
    assert torch.allclose(advantage[:2], column(1 + 0.25 * -3, -3, 0)[:2])


def test_termination_counts_nothing_that_follows():
    end = torch.tensor([False, True, False])[:, None]
    advantage, _ = learner().advantages(trajectory(terminated=end))
    assert torch.allclose(advantage[:2], column(1 + 0.25 * (2 - 20), 2 - 20, 0)[:2])


def test_a_death_ends_the_return_of_that_agent_alone():
    survived = torch.tensor([[True, True], [False, True], [False, True]])[:, None]
    advantage, _ = learner().advantages(trajectory(survived=survived))
    whole, _ = learner().advantages(trajectory())
    assert torch.allclose(advantage[:, 0, 1], whole[:, 0, 1])
    assert torch.allclose(advantage[:2, 0, 0], torch.tensor([1 + 0.25 * (2 - 20), 2.0 - 20]))


def test_the_monte_carlo_target_is_the_discounted_return():
    _, target = learner(value_target="monte_carlo").advantages(trajectory())
    assert torch.allclose(target[0], torch.tensor(1 + 0.5 * 2 + 0.25 * 3 + 0.125 * 40))


def test_the_team_reward_is_shared():
    reward = torch.tensor([[4.0, 0.0], [0.0, 2.0], [0.0, 0.0]])[:, None]
    team, _ = learner(reward="team").advantages(trajectory(reward=reward))
    mean = reward.mean(-1, keepdim=True).expand_as(reward)
    own, _ = learner().advantages(trajectory(reward=mean))
    assert torch.equal(team, own)


def test_to_the_end_an_agent_is_paid_for_what_its_team_earns_after_its_death():
    played = trajectory(
        alive=torch.tensor([[True, True], [True, True], [False, True]])[:, None],
        survived=torch.tensor([[True, True], [False, True], [False, True]])[:, None],
        last_value=torch.tensor([[99.0, 40.0]]),
    )
    played.stored["value"][2, 0, 0] = 99.0
    advantage, _ = learner(reward="team_to_end").advantages(played)
    # The rewards are 1, 2 and 1.5, for the dead are paid nothing; the survivor's values count, so
    # that delta = 1 + 10 - 10, 2 + 15 - 20, 1.5 + 20 - 30 = 1, -3, -8.5 for both; trace 0.25.
    expected = torch.tensor([1 + 0.25 * (-3 + 0.25 * -8.5), -3 + 0.25 * -8.5])
    assert torch.allclose(advantage[:2, 0], expected[:, None].expand(2, 2))
    alone, _ = learner(reward="team").advantages(played)
    assert torch.allclose(alone[:2, 0, 0], torch.tensor([1 + 0.25 * (2 - 20), 2.0 - 20]))


@pytest.mark.parametrize("recurrent", [False, True])
def test_every_transition_is_seen_once_in_each_epoch(recurrent):
    env = Toy()
    network = ActorCritic(6, 3, hidden=4, recurrent=recurrent)
    taught = PPO(network, epochs=2, minibatch_size=24, rollout_length=7)
    (played, *_) = Collector(env, make_graph("none"), taught, 28, 7)
    seen = torch.zeros(7 * 4)
    for pick in taught.minibatches(played):
        seen[pick] += 1
    assert (seen[played.acted.any(-1).flatten()] == 2).all()


def test_a_network_with_memory_sees_again_what_it_saw_when_it_acted():
    env = Toy()
    network = ActorCritic(6, 3, hidden=4, recurrent=True)
    taught = PPO(network, rollout_length=13)
    for played in Collector(env, make_graph("none"), taught, 90, 13):
        pick = torch.arange(13 * 4)
        log_prob, _, value, _ = taught.evaluate(played, pick)
        assert torch.allclose(log_prob, played.stored["log_prob"].flatten(), atol=1e-5)
        assert torch.allclose(value, played.stored["value"].flatten(), atol=1e-5)


class Table(nn.Module):
    """A policy with one free logit."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(2, 2))


def test_team_and_agent_gradients_agree_if_and_only_if_they_must():
    table, played = Table(), trajectory()
    pick = torch.arange(3)

    def cosine_of(advantage: torch.Tensor) -> float:
        log_prob = table.logit.log_softmax(-1)[:, 0].repeat(3)
        rows = Minibatch(played, pick, advantage)
        gradients = TeamGradients(table)
        gradients.add(log_prob, rows, rows, torch.ones(()))
        return float(gradients.cosine())

    same = column(1.0, -2.0, 5.0).clone()
    assert cosine_of(same) == pytest.approx(1)
    opposed = torch.tensor([[3.0, -1.0]]).expand(3, 1, 2)
    # own (3, -1), team (2, 2): cosine (6 - 2) / (sqrt(10) sqrt(8))
    assert cosine_of(opposed) == pytest.approx(4 / 80**0.5, abs=1e-5)


def test_running_statistics_of_values_have_no_bias():
    normalizer = ValueNormalizer(decay=0.5)
    assert normalizer.denormalize(torch.tensor([3.0])).item() == 3, "the identity at first"
    normalizer.update(torch.tensor([1.0, 3.0]))
    normalizer.update(torch.tensor([8.0]))
    # Weights 1/4 and 1/2 of 3/4: the mean is (2 + 2 * 8) / 3, the square (5 + 2 * 64) / 3.
    mean, square = 18 / 3, 133 / 3
    std = (square - mean**2) ** 0.5
    assert normalizer.normalize(torch.tensor([1.0])).item() == pytest.approx((1 - mean) / std)
    assert normalizer.denormalize(torch.tensor([2.0])).item() == pytest.approx(2 * std + mean)


def test_a_critic_of_standardised_values_has_returns_in_units_of_the_rewards():
    taught, plain = learner(normalize_value=True), learner()
    assert taught.value_normalizer is not None
    taught.value_normalizer.decay = 0.0
    taught.value_normalizer.update(torch.tensor([10.0, 30.0]))
    played = trajectory()
    played.stored["value"] = (played.stored["value"] - 20) / 10
    assert played.last_value is not None
    played.last_value = (played.last_value - 20) / 10
    for found, expected in zip(
        taught.advantages(played), plain.advantages(trajectory()), strict=True
    ):
        assert torch.allclose(found, expected, atol=1e-5)


def test_chunks_start_from_the_memory_with_which_agents_acted():
    env = Toy()
    network = ActorCritic(6, 3, hidden=4, recurrent=True)
    taught = PPO(network, epochs=1, minibatch_size=24, rollout_length=12, chunk_length=4)
    for played in Collector(env, make_graph("none"), taught, 120, 12):
        seen = torch.zeros(12 * 4)
        # 24 agent slots are two chunks of 4 steps of 3 agents.
        for pick in taught.minibatches(played):
            assert pick.view(4, 2).diff(dim=0).eq(4).all()
            log_prob, _, value, _ = taught.evaluate(played, pick)
            for found, name in ((log_prob, "log_prob"), (value, "value")):
                stored = played.stored[name].flatten(0, 1)[pick].flatten()
                assert torch.allclose(found, stored, atol=1e-5)
            seen[pick] += 1
        assert (seen == 1).all()
    with pytest.raises(ValueError, match="must divide the 12 steps"):
        PPO(network, rollout_length=12, chunk_length=5)
    with pytest.raises(ValueError, match="agents with a memory"):
        learner(chunk_length=5)


@pytest.mark.parametrize("name", ["commnet", "tarmac"])
def test_parts_of_a_minibatch_add_up_to_it(name, monkeypatch):
    found = []
    for part in (10**9, 400):
        monkeypatch.setattr("graphmarl.learners.on_policy.PART", part)
        torch.manual_seed(0)
        env = Toy(num_envs=4)
        options = {"rollout_length": 8, "minibatch_size": 40, "epochs": 2}
        learner: Any = construct("method", name, METHODS[name], options, env.spec)
        trajectory = next(iter(Collector(env, make_graph("complete"), learner, 10**6, 8, 0)))
        assert (len(learner.parts(trajectory, torch.arange(10))) > 1) == (part == 400)
        optimizer = learner.configure_optimizers()
        learner.optimizers = lambda optimizer=optimizer: optimizer
        learner.manual_backward = lambda loss: loss.backward()
        metrics = learner.update(trajectory)
        numbers = torch.cat([p.detach().flatten() for p in learner.parameters()])
        found.append([*metrics.values(), *numbers.tolist()])
    for one, two in zip(*found, strict=True):
        assert float(one) == pytest.approx(float(two), abs=1e-5)


def test_a_minibatch_is_divided_by_what_a_module_holds_on_edges(monkeypatch):
    env = Toy(num_envs=4)
    learner: Any = construct("method", "commnet", METHODS["commnet"], {}, env.spec)
    collector = Collector(env, make_graph("complete"), learner, 10**6, 8, 0)
    trajectory, pick = next(iter(collector)), torch.arange(10)
    edges = trajectory.edges.count(pick)
    monkeypatch.setattr("graphmarl.learners.on_policy.PART", edges)
    for features, parts in ((None, min(10, learner.network.width)), (3, 3), (1, 1), (0, 1)):
        learner.network.communication.edge_features = features
        assert len(learner.parts(trajectory, pick)) == parts
