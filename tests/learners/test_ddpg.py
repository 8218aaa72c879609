"""MADDPG's losses by hand, and the symmetries of its critics."""

from typing import Any

import pytest
import torch
from batches import batch
from torch import nn
from torch.distributions import Categorical

from graphmarl.agent_graph import Edges
from graphmarl.learners import DDPG
from graphmarl.methods import MADDPG
from graphmarl.nn import AgentNetwork, CentralCritic, ConcatCritic, Output, PooledCritic
from graphmarl.step import Spec


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


@pytest.mark.parametrize("greedy", [False, True])
def test_relaxed_actions_are_stored_and_their_largest_is_played(greedy, monkeypatch):
    made = learner(actions="relaxed", gumbel_temperature=2.0)
    made.network.scale.data.fill_(1.0)
    # Noise -log(E) of exponential draws E = 1: none.
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda self: self.fill_(1.0))
    graph: Any = example().graph(0)
    action, stored, _ = made.act(graph, torch.zeros(2, 0), greedy)
    logits = graph.x.log_softmax(-1) / (1 if greedy else 2)
    assert torch.allclose(stored["relaxed"], logits.softmax(-1))
    assert action.tolist() == [0, 0]


def test_critic_policy_and_target_use_relaxed_actions(monkeypatch):
    relaxed = torch.tensor([[[0.75, 0.25], [0.5, 0.5]]])[:, None].expand(2, 1, 2, 2)
    played = example()
    played.stored = {"relaxed": relaxed}
    made = learner(actions="relaxed", target_action="relaxed", regulariser=0.0)
    made.network.scale.data.fill_(0.0)
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda self: self.fill_(1.0))
    losses = made.losses(played)
    # Q = 2 * (0.25 + 0.5); the next actions are even, too, so that 3 + 0.5 * 2 * 1 is the target.
    assert losses["critic"].item() == pytest.approx((1.5 - 4) ** 2)
    assert losses["policy"].item() == pytest.approx(-2 * (0.5 + 0.5))


def test_next_actions_can_be_those_of_a_target_actor():
    made = learner(target_actor=True)
    # The target's actors would do the first action: nothing follows by the count of the second.
    made.targets["network"].scale.data.fill_(-100.0)
    assert made.losses(example())["critic"].item() == pytest.approx((2 - 3) ** 2)


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


def test_agents_can_have_actors_and_critics_of_their_own():
    torch.manual_seed(0)
    spec = Spec(num_agents=2, obs_shape=(2,), num_actions=2, horizon=9, has_position=False)
    made: Any = MADDPG(spec, hidden=4, shared=False, gamma=0.5)
    graph, critic = example().graph(0), made.critic
    logits = made.network(graph, torch.zeros(2, 0))[0].distribution.logits
    # Both see the same; the gains of the shared layers are kept.
    assert not torch.equal(logits[0], logits[1])
    gains = [each.weight[0].norm(dim=1) for each in (made.network.encoder[0], critic.layers[4])]
    assert torch.allclose(gains[1], torch.tensor(1.0)) and gains[0].shape == (4,)
    done, new = torch.eye(2), torch.eye(2).flip(0)
    first, second = critic(graph, torch.stack([new[0], done[1]])), critic(graph, done)
    assert torch.equal(critic.gain(graph, done, new)[0, 0], first[0, 0])
    assert not torch.equal(first[0, 0], second[0, 0])
    other = critic(graph, torch.stack([done[0], new[1]]))
    assert torch.equal(critic.gain(graph, done, new)[0, 1], other[0, 1])


def test_critics_of_single_agents_learn_from_their_own_rewards():
    spec = Spec(num_agents=2, obs_shape=(2,), num_actions=2, horizon=9, has_position=False)
    made: Any = MADDPG(spec, hidden=4, shared=False, gamma=0.5)
    for module in (made.critic, made.targets["critic"]):
        module.layers[4].weight.data.zero_()
        module.layers[4].bias.data = torch.tensor([[2.0], [4.0]])
    # Agent 0 expects 2 and gets 1 + 0.5 * 2; agent 1 expects 4 and gets 5 + 0.5 * 4, or dies.
    assert made.losses(example())["critic"].item() == pytest.approx((0**2 + 3**2) / 2)
    dead = example(survived=[[True, False]])
    assert made.losses(dead)["critic"].item() == pytest.approx((0**2 + 1**2) / 2)
