"""MADDPG's losses by hand, and the symmetries of its critics."""

from typing import Any

import pytest
import torch
from batches import batch
from torch import nn
from torch.distributions import Categorical

from graphmarl.agent_graph import Edges
from graphmarl.learners import DDPG
from graphmarl.nn import AgentNetwork, CentralCritic, ConcatCritic, Output, PooledCritic


class Sure(AgentNetwork):
    """Agents do what they see, all but surely."""

    def __init__(self) -> None:
        super().__init__()
        self.scale: Any = nn.Parameter(torch.tensor(100.0))

    def forward(self, graph, memory):
        logits = self.scale * graph.x
        return Output(distribution=Categorical(logits=logits, validate_args=False)), memory


class Count(CentralCritic):
    """Q is how many did the second action, times a number that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.scale: Any = nn.Parameter(torch.tensor(2.0))

    def forward(self, graph, action, order=None):
        return self.scale * action[:, 1].view(len(graph.ptr) - 1, -1).sum(1)


def learner(**options) -> Any:
    made = DDPG(Sure(), Count(), gamma=0.5, **options)
    made.update_targets(1.0)
    return made


def example(**others):
    """Two agents; first both would do the first action, then both the second."""
    obs = [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]
    return batch(obs, [[0, 1]], [[1.0, 5.0]], **others)


def test_the_critic_learns_the_mean_reward_and_the_target_of_what_follows():
    # Q = 2 * 1; r = 3, and of what follows 0.5 * 2 * 2.
    assert learner().losses(example())["critic"].item() == pytest.approx((2 - 5) ** 2)
    assert learner().losses(example(terminated=[True]))["critic"].item() == pytest.approx(1.0)


def test_the_actors_follow_the_critic_and_keep_their_logits_small():
    losses = learner(regulariser=1e-3).losses(example())
    # Both would do the first action: Q = 0. Log-probabilities are (0, -100).
    assert losses["policy"].item() == pytest.approx(1e-3 * 100**2 / 2, rel=1e-4)


def test_the_policy_loss_leaves_the_critic_alone():
    made = learner()
    losses = made.losses(example())
    losses["policy"].backward(retain_graph=True)
    assert made.critic.scale.grad is None
    assert made.network.scale.grad is not None
    made.network.scale.grad = None
    losses["critic"].backward()
    assert made.network.scale.grad is None
    assert made.critic.scale.grad is not None


def two_teams() -> tuple:
    """Two teams of three and their actions; in the second the first two have changed places."""
    steps = [[[0.1, 0.2], [0.3, -0.4], [0.5, 0.9]], [[0.3, -0.4], [0.1, 0.2], [0.5, 0.9]]]
    played = batch(steps, [[0, 1, 1]], [[0.0] * 3])
    pairs = torch.tensor([[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]], dtype=torch.int32)
    played.edges = Edges(pairs.repeat(1, 2), torch.tensor([0, 6, 12]), 3)
    action = torch.nn.functional.one_hot(torch.tensor([0, 1, 1, 1, 0, 1]), 2).float()
    return played.graph(), action


def test_the_concatenating_critic_depends_on_the_order_of_agents():
    torch.manual_seed(0)
    graph, action = two_teams()
    critic = ConcatCritic(2, 2, 3)
    first, second = critic(graph, action)
    assert not torch.isclose(first, second)
    assert torch.isclose(critic(graph, action, torch.tensor([1, 0, 2]))[1], first)


@pytest.mark.parametrize("normalise", [True, False])
def test_the_pooled_critic_is_permutation_invariant(normalise):
    torch.manual_seed(0)
    graph, action = two_teams()
    critic = PooledCritic(2, 2, normalise=normalise)
    first, second = critic(graph, action)
    assert torch.isclose(first, second)
    other = action.roll(1, 1)
    assert not torch.isclose(critic(graph, other)[0], first)


def test_dead_agents_change_nothing_in_a_pool():
    torch.manual_seed(0)
    graph, action = two_teams()
    graph.alive[2] = False
    live = (graph.alive[graph.edge_index]).all(0)
    graph.edge_index = graph.edge_index[:, live]
    for critic in (PooledCritic(2, 2), ConcatCritic(2, 2, 3)):
        before = critic(graph, action)
        moved = graph.clone()
        moved.x[2] = 9.0
        assert torch.equal(critic(moved, action), before)


def test_one_layer_of_the_pooled_critic_by_hand():
    graph, action = two_teams()
    critic = PooledCritic(2, 2, hidden=4, layers=1)
    nn.init.eye_(critic.others[0].linear.weight)  # type: ignore[union-attr,arg-type]
    nn.init.eye_(critic.own[0].weight)  # type: ignore[arg-type]
    nn.init.ones_(critic.head[0].weight)  # type: ignore[arg-type]
    both = torch.cat([graph.x, action], 1)[:3]
    others = (both.sum(0) - both) / 3
    h = (others.relu() + both.relu()) / 3
    assert torch.isclose(critic(graph, action)[0], h.amax(0).sum())


def test_dead_agents_are_excluded_from_the_maximum():
    graph, action = two_teams()
    graph.alive[2] = False
    graph.edge_index = torch.empty(2, 0, dtype=torch.long)
    critic = PooledCritic(2, 2, hidden=1, layers=1, normalise=False)
    own: Any = critic.own[0]
    nn.init.constant_(own.weight, -1.0)
    nn.init.constant_(own.bias, 5.0)
    nn.init.ones_(critic.head[0].weight)  # type: ignore[arg-type]
    # 5 less the sum of what each sees and does; zeros, the dead's, would make 5.
    live = 5 - torch.cat([graph.x, action], 1)[:2].sum(1)
    assert torch.isclose(critic(graph, action)[0], live.max())
