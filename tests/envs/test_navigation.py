"""Navigation: rewards written out and by brute force, observations, constants."""

from itertools import permutations

import pytest
import torch
from particles import places, put, whole

from graphmarl.checks import check_choice
from graphmarl.envs import Navigation
from graphmarl.envs.particle.covering import CoverReward

CONTACT = 0.3
REWARDS: tuple[CoverReward, ...] = ("team", "agent", "difference")


def frozen(env, **fields):
    """The step after one in which no one acts or moves, which `set_units` things far apart can."""
    put(env, **fields)
    return env.step(torch.zeros(env.num_envs, env.spec.num_agents, dtype=torch.long))


def value(position, landmarks, weight=0.0):
    """The team's value of one copy, by the formula, one agent and one landmark after the other."""
    total = 0.0
    for landmark in landmarks:
        total -= min((agent - landmark).norm().item() for agent in position)
    for one, other in permutations(position, 2):
        total -= float((one - other).norm() < CONTACT)
        total += weight * (one - other).norm().log1p().item()
    return total


def test_rewards_by_hand():
    position = torch.tensor([[[0.0, 0.0], [0.0, 2.0], [4.0, 0.0]]])
    landmarks = torch.tensor([[[0.0, 0.5], [0.0, 3.0], [1.0, 0.0]]])
    # Closest agents and distances: 0 at 0.5, 1 at 1 and 0 at 1; the next are at 1.5, 3 and sqrt 5.
    expected: dict[CoverReward, list[float]] = {
        "team": [-2.5 / 3] * 3,
        "agent": [-1.5, -1.0, 0.0],
        "difference": [(1.5 - 0.5) + (5**0.5 - 1), 3 - 1, 0.0],
    }
    for reward, shares in expected.items():
        env = Navigation(3, reward=reward, num_envs=1)
        step = frozen(env, position=position, landmarks=landmarks)
        torch.testing.assert_close(step.reward, torch.tensor([shares]))
        torch.testing.assert_close(step.info["team_return"], torch.tensor([-2.5]))
        torch.testing.assert_close(step.info["distance"], torch.tensor([2.5 / 3]))


def test_a_collision_costs_each_of_the_two_one():
    position = torch.tensor([[[0.0, 0.0], [0.2, 0.0], [2.0, 0.0]]])
    velocity = torch.tensor([[[4.0, 0.0], [2.0, 0.0], [0.0, 0.0]]])
    env = Navigation(3, reward="agent", num_envs=1)
    landmarks = torch.tensor([[[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]])
    step = frozen(env, position=position, velocity=velocity, landmarks=landmarks)
    place = places(step)[0]
    # Pushed with 100 * 0.1: 0.1 * (0.75 * 4 - 1) and 0.2 + 0.1 * (0.75 * 2 + 1).
    torch.testing.assert_close(place[:2, 0], torch.tensor([0.2, 0.45]))
    torch.testing.assert_close(step.reward, torch.tensor([[-1.0, -1.0, 0.0]]))
    torch.testing.assert_close(step.info["collisions"], torch.tensor([2 / 3]))


@pytest.mark.parametrize("violate", [False, True])
def test_rewards_by_removing_every_agent(violate):
    env, rewards = Navigation(6, 1.1, num_envs=5), {}
    step = env.reset(3)
    for reward in REWARDS:
        env = Navigation(6, 1.1, reward=reward, violate_locality=violate, num_envs=5)
        step = env.reset(3)
        for _ in range(4):
            step = env.step(torch.arange(30).view(5, 6) % 5)
        rewards[reward] = step.reward
    weight = env.spread
    assert (weight > 0) == violate
    everyone = torch.arange(6)
    for copy in range(5):
        place, landmarks = places(step)[copy], env.landmarks[copy]
        team = value(place, landmarks, weight)
        for reward in ("team", "agent"):
            assert rewards[reward][copy].sum().item() == pytest.approx(team, rel=1e-4)
        without = [value(place[everyone != agent], landmarks, weight) for agent in range(6)]
        expected = torch.tensor([team - rest for rest in without])
        torch.testing.assert_close(rewards["difference"][copy], expected, rtol=1e-3, atol=1e-4)
    assert step.info["collisions"].max() > 0


def test_the_return_of_the_team_is_the_same_whatever_is_paid():
    totals = []
    for reward in REWARDS:
        env, paid = Navigation(reward=reward, num_envs=4), torch.zeros(4)
        step = env.reset(1)
        for time in range(25):
            step = env.step(torch.full((4, 15), time % 5))
            paid += step.reward.sum(1)
        totals.append(step.info["team_return"])
        if reward != "difference":
            torch.testing.assert_close(paid, totals[-1])
        assert env.step(torch.zeros(4, 15).long()).info["team_return"].tolist() == [0] * 4
    assert torch.equal(totals[0], totals[1]) and torch.equal(totals[0], totals[2])


def test_what_an_agent_sees():
    env = Navigation(num_envs=3)
    step = env.reset(0)
    layout = env.spec.layout
    assert step.obs.shape == (3, 15, 26)
    assert torch.equal(step.obs[..., layout["position"]], places(step))
    for part, things in (("landmarks", env.landmarks), ("agents", places(step))):
        gap = things[:, None] - places(step)[:, :, None]
        far = gap.norm(dim=3)
        if part == "agents":
            far.diagonal(dim1=1, dim2=2).fill_(9)
        order = far.argsort(2)[..., : (layout[part].stop - layout[part].start) // 2]
        seen = gap.gather(2, order.unsqueeze(3).expand(-1, -1, -1, 2)).flatten(2)
        assert torch.equal(step.obs[..., layout[part]], seen)
    assert torch.equal(whole(step)[:, :30], places(step).flatten(1))
    assert torch.equal(whole(step)[:, 60:], env.landmarks.flatten(1))


@pytest.mark.parametrize(
    ("agents", "half_width", "size"),
    [(3, 3, 14), (6, 1.5, 26), (15, 2.2, 26), (30, 3, 26), (100, 5, 26), (200, 7, 26), (64, 4, 26)],
)
def test_the_table_of_sizes(agents, half_width, size):
    env = Navigation(agents, num_envs=2)
    step = env.reset(0)
    assert env.half_width == half_width and env.spec.obs_size == size
    assert 0.9 * half_width < places(step).abs().max() <= half_width or agents < 15


def test_renumbering_agents_renumbers_everything():
    order = torch.tensor([3, 0, 2, 5, 1, 4])
    env = Navigation(6, reward="difference", num_envs=4)
    env.reset(0)
    state = env.state_dict()
    action = torch.arange(24).view(4, 6) % 5
    first = env.step(action)
    changed = {name: state[name][:, order] for name in ("position", "velocity")}
    env.load_state_dict(state | changed)
    second = env.step(action[:, order])
    for name in ("obs", "position", "reward"):
        torch.testing.assert_close(getattr(first, name)[:, order], getattr(second, name))


def test_quirks_change_who_is_nearest_and_nothing_else():
    plain, odd = (Navigation(quirks=quirks, num_envs=4) for quirks in (False, True))
    one, other = plain.reset(0), odd.reset(0)
    for _ in range(5):
        action = torch.arange(60).view(4, 15) % 5
        one, other = plain.step(action), odd.step(action)
    assert torch.equal(one.reward, other.reward) and torch.equal(places(one), places(other))
    layout = plain.spec.layout
    assert torch.equal(one.obs[..., :4], other.obs[..., :4])
    # The nearest of |gap - own position|.
    gap = odd.landmarks[:, None] - places(other)[:, :, None]
    first = (gap - places(other)[:, :, None]).norm(dim=3).argmin(2)
    nearest = gap.gather(2, first[..., None, None].expand(-1, -1, 1, 2)).squeeze(2)
    assert torch.equal(other.obs[..., layout["landmarks"]][..., :2], nearest)
    assert not torch.equal(one.obs, other.obs)


@pytest.mark.parametrize("agents", [15, 30, 100])
def test_the_violated_locality_is_ten_times_the_rest_at_the_beginning(agents):
    # r_1 leaves out the borders and the landmarks' distances from each other: 15 % is allowed.
    env = Navigation(agents, violate_locality=True, num_envs=200)
    first = places(env.reset(0))
    gap = (first[:, :, None] - first[:, None]).norm(dim=3)
    bonus = env.spread * gap.log1p().sum((1, 2)).mean()
    cover = (env.landmarks[:, :, None] - first[:, None]).norm(dim=3).amin(2).sum(1)
    collisions = (gap < CONTACT).sum((1, 2)) - agents
    rest = (cover + collisions).mean()
    assert bonus / rest == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_agents": 0}, "num_agents is 0; allowed are whole numbers from 1"),
        ({"landmarks_seen": 16}, "landmarks_seen is 16; allowed are 0 to 15"),
        ({"agents_seen": 15}, "agents_seen is 15; allowed are 0 to 14"),
        ({"half_width": 1.0}, "half_width is 1.0; 15 landmarks 0.675 apart need"),
        ({"half_width": -1.0}, "half_width is -1.0; allowed are numbers above 0"),
        ({"num_agents": 16, "quirks": True}, "quirks with 16 agents; only"),
        ({"num_agents": 1, "reward": "difference"}, "'difference' with 1 agent"),
        ({"num_agents": 1, "violate_locality": True}, "violate_locality with 1 agent"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Navigation(**options)


def test_a_name_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match="reward is 'own'; allowed are team, agent"):
        check_choice("reward", "own", ("team", "agent"))


def test_continuous_actions_are_shares_of_the_force():
    one, two = Navigation(3, num_envs=1), Navigation(3, action="continuous", num_envs=1)
    one.reset(0)
    two.reset(0)
    push = torch.tensor([[[1.0, 0.0], [0.0, -1.0], [0.0, 0.0]]])
    assert torch.equal(one.step(torch.tensor([[1, 4, 0]])).obs, two.step(push).obs)
    half = two.step(torch.tensor([[[0.5, -0.5], [0.0, 0.0], [0.0, 0.0]]])).obs[0, 0, :2]
    torch.testing.assert_close(half, torch.tensor([0.75 * 0.5 + 0.25, -0.25]))


def test_the_scene_holds_the_landmarks_and_whoever_has_left():
    env = Navigation(3, num_envs=2)
    put(env, position=torch.full((2, 3, 2), -9.0) + torch.arange(3)[:, None])
    scene = env.scene(1)
    assert scene.low == (-9, -9) and torch.equal(scene.points["landmarks"][0], env.landmarks[1])
