"""Mixers and the joint critic: what they add up and what they do not read."""

from typing import Any

import pytest
import torch

from graphmarl.nn import JointCritic, MonotonicMixer, SumMixer

ALIVE = torch.tensor([[True, True, False], [True, False, False]])


def test_the_sum_is_over_the_live_agents_of_each_graph():
    q = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, float("nan")]])
    assert SumMixer()(q, ALIVE, None).tolist() == [3, 8]
    assert not SumMixer.needs_state


@pytest.mark.parametrize("hidden", [0, 8])
def test_the_team_is_never_worse_off_for_an_agent_that_is_better_off(hidden):
    mixer = MonotonicMixer(3, 5, embed=4, hidden=hidden)
    assert mixer.needs_state
    q = torch.randn(200, 3, requires_grad=True)
    alive = torch.ones(200, 3, dtype=torch.bool)
    total = mixer(q, alive, 10 * torch.randn(200, 5))
    assert total.shape == (200,)
    (gradient,) = torch.autograd.grad(total.sum(), q)
    assert (gradient >= 0).all()
    assert (gradient > 0).any(0).all(), "every agent counts somewhere"
    assert (gradient.std(0) > 0).all(), "the weights depend on the state"


def test_the_monotonic_mixer_by_hand():
    # Weights of -2 and 3 count by their size: h = elu(2 q_1 + 3 q_2 - 6), Q_tot = 4 h + 1.
    mixer: Any = MonotonicMixer(2, 1, embed=1, hidden=0)
    for net, biases in ((mixer.w_1, (-2, 3)), (mixer.b_1, (-6,)), (mixer.w_2, (-4,))):
        net[-1].weight.data.zero_()
        net[-1].bias.data.copy_(torch.tensor(biases))
    mixer.v[-1].weight.data.zero_()
    mixer.v[-1].bias.data.fill_(1)
    q, state = torch.tensor([[3.0, 1.0], [0.0, 0.0]]), torch.ones(2, 1)
    total = mixer(q, torch.ones(2, 2, dtype=torch.bool), state)
    low = torch.expm1(torch.tensor(-6.0))
    assert torch.allclose(total, torch.stack([torch.tensor(4 * 3.0 + 1), 4 * low + 1]))


def test_dead_agents_change_nothing_in_the_monotonic_mixer():
    mixer, state, q = MonotonicMixer(3, 5), torch.randn(2, 5), torch.randn(2, 3)
    changed = torch.where(ALIVE, q, 100.0)
    assert torch.equal(mixer(q, ALIVE, state), mixer(changed, ALIVE, state))
    assert not torch.equal(mixer(q, ALIVE, state), mixer(q, ~ALIVE, state))


def test_the_monotonic_mixer_needs_a_state():
    with pytest.raises(AssertionError, match="state"):
        MonotonicMixer(3, 5)(torch.randn(2, 3), ALIVE, None)


class Critic:
    """A joint critic with something to read, 3 agents of 4 features and 3 actions."""

    def __init__(self, state_size: int) -> None:
        self.critic = JointCritic(4, 3, state_size, 8)
        self.features, self.action = torch.randn(2, 3, 4), torch.randint(3, (2, 3))
        self.state = torch.randn(2, state_size) if state_size else None

    def read(self, features, action, alive):
        joint = self.critic.joint(features, action, alive, self.state)
        return torch.stack([joint, self.critic.value(features, alive, self.state)])


every_state = pytest.mark.parametrize("state_size", [0, 5])


@every_state
def test_the_order_of_agents_changes_nothing_for_the_critic(state_size):
    made, order = Critic(state_size), [2, 0, 1]
    before = made.read(made.features, made.action, ALIVE)
    after = made.read(made.features[:, order], made.action[:, order], ALIVE[:, order])
    assert torch.allclose(before, after, atol=1e-6)


@every_state
def test_dead_agents_and_empty_slots_change_nothing_in_the_critic(state_size):
    made = Critic(state_size)
    before = made.read(made.features, made.action, ALIVE)
    changed = torch.where(ALIVE[..., None], made.features, 7.0)
    assert torch.equal(before, made.read(changed, torch.where(ALIVE, made.action, 0), ALIVE))
    longer = torch.cat([made.features, torch.randn(2, 4, 4)], 1)
    action = torch.cat([made.action, torch.ones(2, 4, dtype=torch.long)], 1)
    alive = torch.cat([ALIVE, torch.zeros(2, 4, dtype=torch.bool)], 1)
    assert torch.allclose(before, made.read(longer, action, alive), atol=1e-6)


@every_state
def test_the_joint_value_reads_actions_and_the_state_value_does_not(state_size):
    made = Critic(state_size)
    before = made.read(made.features, made.action, ALIVE)
    after = made.read(made.features, (made.action + 1) % 3, ALIVE)
    assert not torch.isclose(before[0], after[0]).any()
    assert torch.equal(before[1], after[1])
    if made.state is not None:
        made.state = made.state + 1
        assert not torch.isclose(before, made.read(made.features, made.action, ALIVE)).any()


def test_a_mixer_without_state_is_monotone_too_and_reads_none():
    mixer = MonotonicMixer(3, 0, embed=4)
    assert not mixer.needs_state
    q = torch.randn(50, 3, requires_grad=True)
    alive = torch.ones(50, 3, dtype=torch.bool)
    total = mixer(q, alive, None)
    assert torch.equal(total, mixer(q, alive, torch.randn(50, 7)))
    (gradient,) = torch.autograd.grad(total.sum(), q)
    assert (gradient >= 0).all() and (gradient > 0).any()
