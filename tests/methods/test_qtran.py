"""The three losses of QTRAN with a critic written by hand."""

from typing import Any

import pytest
import torch
from batches import Seen, batch
from torch import nn

from graphmarl.data import Trajectory
from graphmarl.methods import QTRAN
from graphmarl.step import Spec


class Stub(nn.Module):
    """Q_jt is a tenth of the sum of what was chosen, times a number; V is a constant."""

    def __init__(self, scale: float, v: float) -> None:
        super().__init__()
        self.scale, self.v = nn.Parameter(torch.tensor(scale)), nn.Parameter(torch.tensor(v))

    def joint(self, features, action, alive, state):
        chosen = features.gather(-1, action[..., None]).squeeze(-1)
        return self.scale * torch.where(alive, chosen, 0.0).sum(-1)

    def value(self, features, alive, state):
        return self.v.expand(len(features))


def made(scale: float = 3.0, v: float = 0.5, target: float = 10.0, **options: Any) -> Any:
    spec = Spec(num_agents=2, obs_shape=(2,), num_actions=2, horizon=9)
    learner: Any = QTRAN(spec, **{"gamma": 0.5, **options})
    learner.network, learner.critic = Seen(), Stub(scale, v)
    learner.targets["network"], learner.targets["critic"] = Seen(), Stub(target, 0.0)
    return learner


# The agents do 0 and 1, worth 1 + 20; best is 3 + 20; afterwards best is 5 + 40.
OBS = [[[1.0, 3.0], [10.0, 20.0]], [[2.0, 5.0], [40.0, 30.0]]]


def played(**others: Any) -> Trajectory:
    return batch(OBS, [[0, 1]], [[1.0, 7.0]], **others)


def losses(trajectory: Trajectory, **options: Any) -> dict[str, float]:
    return {name: value.item() for name, value in made(**options).losses(trajectory).items()}


def test_the_joint_value_learns_from_the_reward_of_the_team():
    found = losses(played())
    assert list(found) == ["td", "opt", "nopt"]
    assert found["td"] == (3 * 21 - (8 + 0.5 * 10 * 45)) ** 2
    assert losses(played(terminated=[True]))["td"] == (3 * 21 - 8) ** 2
    assert losses(played(truncated=[True]))["td"] == (3 * 21 - (8 + 0.5 * 450)) ** 2


def test_the_sum_of_best_values_is_pulled_to_the_joint_value():
    assert losses(played())["opt"] == (23 - 3 * 23 + 0.5) ** 2
    assert losses(played(), opt=0.1)["opt"] == pytest.approx(0.1 * (23 - 3 * 23 + 0.5) ** 2)


def test_the_sum_of_other_values_is_a_bound():
    assert losses(played())["nopt"] == (21 - 3 * 21 + 0.5) ** 2
    assert losses(played(), nopt=0.1)["nopt"] == pytest.approx(0.1 * (21 - 63 + 0.5) ** 2)
    above = losses(played(), scale=0.5)
    assert above["nopt"] == 0
    assert above["opt"] == (23 - 11.5 + 0.5) ** 2


def test_nothing_is_left_where_the_sum_is_the_joint_value():
    found = losses(played(), scale=1.0, v=0.0)
    assert (found["opt"], found["nopt"]) == (0, 0)


def test_dead_agents_are_in_no_sum():
    alive = torch.tensor([[True, False], [True, False]])
    found = losses(played(alive=alive, survived=alive[:1]))
    assert found["td"] == (3 * 1 - (1 + 0.5 * 10 * 5)) ** 2
    assert found["opt"] == (3 - 3 * 3 + 0.5) ** 2
    assert found["nopt"] == (1 - 3 * 1 + 0.5) ** 2


def test_illegal_actions_are_not_best():
    legal = torch.ones(2, 2, 2, dtype=torch.bool)
    legal[0, 0, 1] = legal[1, 1, 0] = False
    found = losses(played(available=legal))
    assert found["td"] == (3 * 21 - (8 + 0.5 * 10 * 35)) ** 2
    assert found["opt"] == (21 - 3 * 21 + 0.5) ** 2


def test_seams_and_states_after_the_last_transition_count_for_nothing():
    steps, none = [OBS[0], OBS[1], OBS[0]], [[0.0, 0.0]]
    seam = batch(steps, [[0, 1], [0, 0]], [[1.0, 7.0], *none], valid=[True, False, False])
    assert losses(seam) == losses(played())


def test_the_two_bounds_hold_the_joint_value_fixed_and_train_the_state_value():
    learner = made()
    found = learner.losses(played())
    trained = [learner.network.scale, learner.critic.scale, learner.critic.v]
    for name, error, best in (("opt", 23 - 69 + 0.5, 23), ("nopt", 21 - 63 + 0.5, 21)):
        gradients = torch.autograd.grad(found[name], trained, retain_graph=True, allow_unused=True)
        own, joint, value = gradients
        assert own is not None and value is not None
        assert own.item() == 2 * error * best
        assert value.item() == 2 * error
        assert joint is None
    # The joint value reads the features of the agents, so they learn from it too.
    error = 63 - (8 + 225)
    own, joint, value = torch.autograd.grad(found["td"], trained, allow_unused=True)
    assert (own.item(), joint.item(), value) == (2 * error * 63, 2 * error * 21, None)


def test_the_reported_estimate_is_the_joint_value_of_what_was_done():
    learner = made()
    learner.losses(played())
    assert learner.estimate.item() == 63
