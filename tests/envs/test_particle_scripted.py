"""The yardsticks of navigation: who goes where, and how they stop there."""

from itertools import permutations

import pytest
import torch
from particles import places, put

from graphmarl.envs import Navigation
from graphmarl.envs.particle.scripted import Assigned, NoOp, RandomActions, assigned, team_returns


def test_the_assignment_is_the_best_of_all():
    for _ in range(10):
        agents, landmarks = torch.rand(2, 5, 2)
        total = (agents - assigned(agents, landmarks)).norm(dim=1).sum()
        every = [
            (agents - landmarks[list(order)]).norm(dim=1).sum() for order in permutations(range(5))
        ]
        assert total.item() == pytest.approx(min(every).item())


@pytest.mark.parametrize("action", ["discrete", "continuous"])
def test_agents_stop_on_their_landmarks(action):
    env = Navigation(3, action=action, horizon=80, num_envs=2)
    far = torch.tensor([[-2.0, 0.0], [0.0, 2.0], [2.0, -1.0]]).expand(2, -1, -1)
    step = put(env, position=far, landmarks=far + torch.tensor([0.9, 0.43]))
    controller = Assigned(env)
    for _ in range(79):
        step = env.step(controller(step))
    missed = (places(step) - env.landmarks).norm(dim=2).max()
    # One push moves a resting agent by 0.2, so that it may stop half of that away on each axis.
    assert missed < (0.1 * 2**0.5 + 0.01 if action == "discrete" else 1e-3)


def test_who_goes_to_landmarks_is_better_than_who_does_not():
    env = Navigation(num_envs=16)
    means = []
    for controller in (RandomActions(env), NoOp(env), Assigned(env)):
        returns = team_returns(env, controller, 32, seed=0)
        assert len(returns) == 32
        means.append(sum(returns) / 32)
    assert means[0] < means[1] < 2 * means[2]
    with pytest.raises(ValueError, match="20 episodes are no multiple of num_envs = 16"):
        team_returns(env, NoOp(env), 20, seed=0)


def test_idle_and_random_actions_are_legal_in_both_forms():
    for env in (Navigation(3, num_envs=2), Navigation(3, action="continuous", num_envs=2)):
        for controller in (NoOp(env), RandomActions(env)):
            step = env.reset(0)
            for _ in range(3):
                step = env.step(controller(step))
