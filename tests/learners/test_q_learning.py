"""What action values learn from transitions and episodes, with the arithmetic written out."""

from typing import Any

import pytest
import torch
from batches import Seen, batch, joined
from torch import nn
from toy import Toy

from graphmarl.data import Collector, Trajectory
from graphmarl.graphs import make_graph
from graphmarl.learners import QLearning
from graphmarl.methods import METHODS
from graphmarl.nn import Mixer, SumMixer
from graphmarl.resolver import construct

# One agent that did action 1, worth 3; afterwards the values are 2 and 5.
NOW, THEN = [[1.0, 3.0]], [[2.0, 5.0]]


def learner(target: float = -2.0, **options: Any) -> Any:
    """Values are what agents see; the target network says `target` times as much."""
    made: Any = QLearning(Seen(), **{"gamma": 0.5, **options})
    made.targets["network"].scale.data.fill_(target)
    return made


def one(**others) -> Trajectory:
    return batch([NOW, THEN], [[1]], [[1.0]], **others)


def td(played: Trajectory, **options) -> float:
    losses = learner(**options).losses(played)
    assert list(losses) == ["td"]
    return losses["td"].item()


def test_the_next_action_is_chosen_online_and_valued_by_the_target():
    # online chooses 1, worth -2 * 5 to the target, which would choose 0, worth -2 * 2
    assert td(one()) == (3 - (1 + 0.5 * -10)) ** 2
    assert td(one(), double_q=False) == (3 - (1 + 0.5 * -4)) ** 2


def test_termination_counts_nothing_that_follows_and_truncation_does():
    assert td(one(terminated=[True])) == (3 - 1) ** 2
    assert td(one(truncated=[True])) == (3 - (1 + 0.5 * -10)) ** 2


def test_illegal_actions_are_not_expected():
    legal = torch.tensor([[[True, True]], [[True, False]]])
    assert td(one(available=legal)) == (3 - (1 + 0.5 * -4)) ** 2
    legal = torch.tensor([[[True, True]], [[False, True]]])
    assert td(one(available=legal), double_q=False) == (3 - (1 + 0.5 * -10)) ** 2


def test_rewards_are_scaled_and_values_are_not():
    assert td(one(), reward_scale=0.1) == pytest.approx((3 - (0.1 + 0.5 * -10)) ** 2)


def test_no_gradient_goes_into_the_target():
    made = learner()
    (gradient,) = torch.autograd.grad(made.losses(one())["td"], [made.network.scale])
    assert gradient.item() == 2 * (3 - (1 + 0.5 * -10)) * 3
    assert all(not p.requires_grad for p in made.targets.parameters())


# Two agents: the first did action 0, worth 1, the second action 1, worth 20.
PAIR = [[[1.0, 3.0], [10.0, 20.0]], [[2.0, 5.0], [40.0, 30.0]]]


def pair(**others) -> Trajectory:
    return batch(PAIR, [[0, 1]], [[1.0, 7.0]], **others)


def test_each_agent_learns_from_its_own_reward():
    first, second = 1 - (1 + 0.5 * -10), 20 - (7 + 0.5 * -80)
    assert td(pair()) == (first**2 + second**2) / 2


def test_the_team_reward_is_the_mean_over_agents():
    first, second = 1 - (4 + 0.5 * -10), 20 - (4 + 0.5 * -80)
    assert td(pair(), reward="team") == (first**2 + second**2) / 2


def test_no_bootstrap_at_death_and_no_loss_of_dead_agents():
    died = torch.tensor([[True, False]])
    first, second = 1 - (1 + 0.5 * -10), 20 - 7
    assert td(pair(survived=died)) == (first**2 + second**2) / 2
    dead = torch.tensor([[True, False], [True, False]])
    assert td(pair(survived=dead[:1], alive=dead)) == first**2


def test_a_mixer_adds_values_and_rewards_of_live_agents():
    both = (1 + 20) - (1 + 7 + 0.5 * -(10 + 80))
    assert td(pair(), mixer=SumMixer()) == both**2
    died = torch.tensor([[True, True], [True, False]])
    left = (1 + 20) - (1 + 7 + 0.5 * -10)
    assert td(pair(survived=died[1:], alive=died), mixer=SumMixer()) == left**2
    dead = torch.tensor([[True, False], [True, False]])
    alone = 1 - (1 + 0.5 * -10)
    assert td(pair(survived=dead[:1], alive=dead), mixer=SumMixer()) == alone**2
    assert td(pair(terminated=[True]), mixer=SumMixer()) == ((1 + 20) - (1 + 7)) ** 2


class Weighted(Mixer):
    """A number that is trained, times the sum, plus the state."""

    needs_state = True

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, q, alive, state):
        assert state is not None
        return self.weight * torch.where(alive, q, 0.0).sum(-1) + state[:, 0]


def test_the_mixer_has_a_target_and_reads_the_state_of_its_own_step():
    made = learner(mixer=Weighted())
    made.targets["mixer"].weight.data.fill_(3.0)
    played = pair(state=torch.tensor([[100.0], [1000.0]]))
    expected = 8 + 0.5 * (3 * -(10 + 80) + 1000)
    loss = made.losses(played)["td"]
    assert loss.item() == (2 * 21 + 100 - expected) ** 2
    (gradient,) = torch.autograd.grad(loss, [made.mixer.weight])
    assert gradient.item() == 2 * (2 * 21 + 100 - expected) * 21


def test_the_team_of_which_all_die_expects_nothing():
    died = torch.tensor([[True, True], [False, False]])
    played = pair(survived=died[1:], alive=died, terminated=[True])
    assert td(played, mixer=SumMixer()) == ((1 + 20) - (1 + 7)) ** 2


# An episode of one agent: actions 0, 1, 0, worth 1, 4, 5; best afterwards 4, 6, 8.
LONG = [[[1.0, 0.0]], [[2.0, 4.0]], [[5.0, 6.0]], [[8.0, 7.0]]]


def episode(**others) -> Trajectory:
    return batch(LONG, [[0], [1], [0]], [[1.0], [2.0], [3.0]], **others)


@pytest.mark.parametrize("mixer", [None, SumMixer()])
@pytest.mark.parametrize("ends", [True, False])
def test_a_trace_looks_further_within_the_episode(mixer, ends):
    end = {"terminated" if ends else "truncated": [False, False, True]}
    options = {"target": 10.0, "td_lambda": 0.25, "sample": "episode", "mixer": mixer}
    last = 3 + (0 if ends else 0.5 * 80)
    middle = 2 + 0.5 * (0.75 * 60 + 0.25 * last)
    first = 1 + 0.5 * (0.75 * 40 + 0.25 * middle)
    errors = (1 - first) ** 2 + (4 - middle) ** 2 + (5 - last) ** 2
    assert td(episode(**end), **options) == pytest.approx(errors / 3)
    without = (1 - (1 + 20)) ** 2 + (4 - (2 + 30)) ** 2 + (5 - last) ** 2
    assert td(episode(**end), **{**options, "td_lambda": 0.0}) == pytest.approx(without / 3)


def test_a_trace_ends_with_the_life_of_an_agent():
    died = torch.tensor([[True], [False]])
    dead = torch.tensor([[True], [True], [False], [False]])
    played = episode(survived=died, alive=dead, truncated=[False, False, True])
    first = 1 + 0.5 * (0.75 * 40 + 0.25 * 2)
    loss = td(played, target=10.0, td_lambda=0.25, sample="episode")
    assert loss == pytest.approx(((1 - first) ** 2 + (4 - 2) ** 2) / 2)


@pytest.mark.parametrize("mixer", [None, SumMixer()])
@pytest.mark.parametrize("trace", [0.0, 0.7])
def test_episodes_side_by_side_weigh_as_many_steps_as_they_have(trace, mixer):
    options = {"td_lambda": trace, "sample": "episode", "mixer": mixer}
    long = episode(truncated=[False, False, True])
    short = one(terminated=[True])
    both = td(joined(long, short), **options)
    alone = td(long, **options), td(short, **options)
    assert both == pytest.approx((3 * alone[0] + 1 * alone[1]) / 4)
    assert td(joined(short, long), **options) == pytest.approx(both)


def test_a_seam_is_no_transition():
    seam = episode(truncated=[True, False, False], valid=[True, False, True])
    first, last = 1 - (1 + 0.5 * -8), 5 - (3 + 0.5 * -16)
    assert td(seam) == (first**2 + last**2) / 2
    options = {"sample": "episode", "td_lambda": 1.0}
    assert td(seam, **options) == (first**2 + last**2) / 2


def test_the_reported_estimate_is_the_mean_of_the_values_of_what_was_done():
    for mixer, mean in ((None, (1 + 20) / 2), (SumMixer(), 21)):
        made = learner(mixer=mixer)
        made.losses(pair())
        assert made.estimate.item() == mean


def test_a_trace_through_single_transitions_is_refused():
    with pytest.raises(ValueError, match="td_lambda is 0.5; without sample 'episode'"):
        learner(td_lambda=0.5)


@pytest.mark.parametrize("name", ["iql", "qmix", "ndq", "qtran", "dgn", "mfq", "tarmac_qmix"])
def test_single_transitions_have_the_gradients_of_two_steps_of_an_episode(name):
    """What is left out for transitions is what no loss reads."""
    env = Toy(num_envs=4)
    options = {"test_noise": False} if name == "ndq" else {}
    torch.manual_seed(0)
    learner: Any = construct("method", name, METHODS[name], options, env.spec).eval()
    collector = Collector(env, make_graph("complete"), learner, 10**6, 8, 0)
    learner.replay.add(next(iter(collector)))
    learner.update_targets(1.0)
    batch = learner.replay.transitions(16)
    found = []
    for split in (True, False):
        learner._hooked = lambda split=split: not split
        losses = learner.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        trained = [p for p in learner.parameters() if p.requires_grad]
        found.append([*losses.values(), *torch.autograd.grad(total, trained, allow_unused=True)])
    for one, two in zip(*found, strict=True):
        assert (one is None) == (two is None)
        assert one is None or torch.allclose(one, two, atol=1e-5)
