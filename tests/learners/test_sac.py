"""The losses of soft actor-critic with policies, values and critics that are known numbers."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from batches import batch
from torch import nn
from torch.distributions import Categorical

from graphmarl.learners import SAC
from graphmarl.nn import AgentNetwork, NeighborCritic, Output

# Q_i of the own action (row) beside that of the one neighbour (column).
TABLE = torch.tensor([[1.0, 0.0], [-1.0, 2.0]])
BOTH = [(0, 1), (1, 0)]


class Told(AgentNetwork):
    """Agents prefer what they see."""

    def __init__(self) -> None:
        super().__init__()
        self.scale: Any = nn.Parameter(torch.ones(()))

    def forward(self, graph: Any, memory):
        return Output(distribution=Categorical(logits=self.scale * graph.x)), memory


class Table(NeighborCritic):
    """The table, times a number that is trained."""

    def __init__(self, scale: float = 1.0) -> None:
        nn.Module.__init__(self)
        self.scale: Any = nn.Parameter(torch.tensor(scale))
        self.continuous = False

    def features(self, graph: Any):
        return (graph.x,)

    def forward(self, features, action, graph: Any):
        sender, receiver = graph.edge_index
        beside = torch.zeros_like(action).index_add(0, receiver, action[sender])
        return self.scale * beside @ TABLE.t()


class Height(nn.Module):
    """V_i is the last number that is seen, times a number that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.scale: Any = nn.Parameter(torch.ones(()))

    def forward(self, graph: Any):
        return self.scale * graph.x[:, 1]


def learner(critics=None, **options) -> Any:
    made = SAC(Told(), critics or [Table()], Height(), gamma=0.5, alpha=0.2, **options)
    made.update_targets(1.0)
    return made


def example(**others):
    """Two agents with edges in both directions; both policies are even: they see (h, h) first."""
    obs = [[[3.0, 3.0], [5.0, 5.0]], [[0.0, 2.0], [0.0, 4.0]]]
    return batch(obs, [[0, 1]], [[1.0, 10.0]], edges=[BOTH, BOTH], **others)


def test_the_critic_learns_the_reward_and_the_target_value_of_what_follows():
    losses = learner().losses(example())
    # Agent 0 did 0 beside 1: Q = 0; r + gamma V' = 1 + 0.5 * 2 = 2.
    # Agent 1 did 1 beside 0: Q = -1; 10 + 0.5 * 4 = 12.
    assert losses["critic"].item() == pytest.approx((2.0**2 + 13.0**2) / 2 / 2)


def test_nothing_follows_an_end_or_a_death():
    ended = learner().losses(example(terminated=[True]))
    assert ended["critic"].item() == pytest.approx((1.0**2 + 11.0**2) / 2 / 2)
    dead = learner().losses(example(survived=[[True, False]]))
    assert dead["critic"].item() == pytest.approx((2.0**2 + 11.0**2) / 2 / 2)


def test_a_truncated_episode_goes_on_in_its_value():
    cut = learner().losses(example(truncated=[True]))
    assert cut["critic"].item() == pytest.approx((2.0**2 + 13.0**2) / 2 / 2)


def test_the_team_shares_the_mean_reward():
    losses = learner(reward="team").losses(example())
    # Both get 5.5: 5.5 + 1 - 0 and 5.5 + 2 + 1.
    assert losses["critic"].item() == pytest.approx((6.5**2 + 8.5**2) / 2 / 2)


@pytest.mark.parametrize("gradient", ["gumbel", "exact"])
def test_the_value_learns_the_soft_value_of_one_joint_draw(gradient, monkeypatch):
    made = learner(gradient=gradient)
    # Everyone draws 0: what is left is q = (1, -1) beside it, a mean of 0, and the entropy.
    zero = torch.tensor([[1.0, 0.0]] * 2)
    monkeypatch.setattr("torch.nn.functional.gumbel_softmax", lambda *_, **__: zero)
    monkeypatch.setattr(Categorical, "sample", lambda self: torch.zeros(2, dtype=torch.long))
    losses = made.losses(example())
    soft = 0.5 * 1 + 0.5 * -1 + 0.2 * math.log(2)
    expected = ((3 - soft) ** 2 + (5 - soft) ** 2) / 2 / 2
    assert losses["value"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gradient", ["gumbel", "exact"])
def test_the_value_can_learn_from_the_action_that_was_drawn(gradient, monkeypatch):
    made = learner(gradient=gradient, expectation="sampled")
    # Everyone draws 1: q = (0, 2) beside it, of which 2, less 0.2 log(1/2).
    one = torch.tensor([[0.0, 1.0]] * 2)
    monkeypatch.setattr("torch.nn.functional.gumbel_softmax", lambda *_, **__: one)
    monkeypatch.setattr(Categorical, "sample", lambda self: torch.ones(2, dtype=torch.long))
    losses = made.losses(example())
    soft = 2 + 0.2 * math.log(2)
    expected = ((3 - soft) ** 2 + (5 - soft) ** 2) / 2 / 2
    assert losses["value"].item() == pytest.approx(expected, rel=1e-5)


def test_of_two_critics_the_smaller_counts():
    made = learner(critics=[Table(1.0), Table(3.0)])
    q = made._frozen_q([(torch.zeros(2, 2),)] * 2, torch.eye(2), example().graph(0))
    # Beside action 1 agent 0 has (0, 2) and (0, 6); beside 0 agent 1 has (1, -1) and (3, -3).
    assert q.tolist() == [[0.0, 2.0], [1.0, -3.0]]


def test_gumbel_answers_for_the_neighbours_value_and_exact_for_ones_own():
    # Only agent 1 receives: agent 0's action matters for Q_1 alone.
    moved = {}
    for gradient in ("gumbel", "exact"):
        torch.manual_seed(0)
        made = learner(gradient=gradient)
        one_way = batch(
            [[[1.0, 0.0], [0.5, 0.0]]] * 2, [[0, 1]], [[0.0, 0.0]], edges=[[(0, 1)], [(0, 1)]]
        )
        graph: Any = one_way.graph(0)
        logits = graph.x.clone().requires_grad_()
        states = [made.critics[0].features(graph)]
        gain, _ = made._soft_values(Categorical(logits=logits), states, graph, torch.tensor(1e-9))
        (found,) = torch.autograd.grad(gain[1], logits)
        moved[gradient] = found.abs().sum(1) > 0
    assert moved["gumbel"].tolist() == [True, True]
    assert moved["exact"].tolist() == [False, True]


def test_the_policy_loss_leaves_critics_and_value_alone():
    made = learner()
    losses = made.losses(example())
    losses["policy"].backward(retain_graph=True)
    assert made.network.scale.grad is not None
    assert all(p.grad is None for p in [*made.critics.parameters(), *made.value.parameters()])
    made.network.zero_grad()
    (losses["critic"] + losses["value"]).backward()
    assert made.network.scale.grad is None or not made.network.scale.grad.any()
    assert all(p.grad is not None for p in [*made.critics.parameters(), *made.value.parameters()])


def test_the_temperature_falls_while_policies_are_more_random_than_asked():
    made = learner(target_entropy=0.5)
    made.losses(example())["temperature"].backward()
    # Even policies have all of the entropy there is, log 2: d/d log alpha = 0.2 (1 - 0.5) log 2.
    assert made.log_alpha.grad.item() == pytest.approx(0.1 * math.log(2), rel=1e-5)
    fixed = learner()
    assert not fixed.log_alpha.requires_grad


def test_the_temperature_is_annealed_linearly_from_update_to_update(monkeypatch):
    made = learner(final_alpha=0.25, gradient_steps=1)
    monkeypatch.setattr(made.replay, "add", lambda trajectory: None)
    monkeypatch.setattr(made, "_ready", lambda trajectory: True)
    monkeypatch.setattr(made, "_learn", lambda: torch.zeros(6))
    steps = [made.update(replace(example(), progress=p))["alpha"] for p in (0.0, 0.5, 1.0)]
    assert steps == pytest.approx([0.2, 0.125, 0.05])


def test_a_temperature_is_not_tuned_and_annealed():
    with pytest.raises(ValueError, match=r"final_alpha is 0.5 and target_entropy 0.1"):
        learner(final_alpha=0.5, target_entropy=0.1)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="alpha is 0"):
        SAC(Told(), [Table()], Height(), alpha=0)
    with pytest.raises(ValueError, match="gumbel_temperature is -1"):
        SAC(Told(), [Table()], Height(), gumbel_temperature=-1)
