"""Heterogeneous navigation, push, and prey and predator: their rules by arithmetic."""

from itertools import permutations

import pytest
import torch
from particles import places, put, whole

from graphmarl.envs import HeterogeneousNavigation, PreyPredator, Push
from graphmarl.envs.particle.flight import flee
from graphmarl.envs.particle.physics import Gaps


def idle(env):
    return env.step(torch.zeros(env.num_envs, env.spec.num_agents, dtype=torch.long))


# Heterogeneous navigation


def mixed_value(position, landmarks, small, size):
    """The formula, one pair after the other; `small` says who is."""
    total = 0.0
    for landmark in landmarks:
        total -= min((agent - landmark).norm().item() for agent in position)
    for one, other in permutations(range(len(position)), 2):
        reach = sum(size / 2 if small[agent] else size for agent in (one, other))
        price = 1 if small[one] == small[other] else 10
        total -= price * float((position[one] - position[other]).norm() < reach)
    return total


def test_two_kinds_pay_more_for_each_other_by_removing_every_agent():
    size, step = 0.25, None
    options = {"num_agents": 6, "half_width": 1.5, "big_size": size, "num_envs": 6}
    shares = {}
    for reward in ("team", "agent", "difference"):
        env = HeterogeneousNavigation(reward=reward, **options)
        env.reset(2)
        env.load_state_dict(env.state_dict() | {"position": env.position * 0.4})
        step = idle(env)
        shares[reward] = step.reward
    assert step is not None
    small, everyone = torch.arange(6) >= 3, torch.arange(6)
    mixed = 0
    for copy in range(6):
        place, landmarks = places(step)[copy], env.landmarks[copy]
        team = mixed_value(place, landmarks, small, size)
        for reward in ("team", "agent"):
            assert shares[reward][copy].sum().item() == pytest.approx(team, rel=1e-4)
        left = [everyone != agent for agent in range(6)]
        rest = [mixed_value(place[some], landmarks, small[some], size) for some in left]
        expected = torch.tensor([team - other for other in rest])
        torch.testing.assert_close(shares["difference"][copy], expected, rtol=1e-3, atol=1e-4)
        mixed += team < -20
    assert mixed > 0


@pytest.mark.parametrize(
    ("agents", "width", "size"),
    [(4, 1, 0.1), (8, 1.5, 0.1), (16, 2.2, 0.1), (30, 3, 0.1), (100, 5, 0.15), (64, 4, 0.15)],
)
def test_the_table_of_two_kinds(agents, width, size):
    env = HeterogeneousNavigation(agents, num_envs=1)
    env.reset(0)
    assert env.half_width == width and env.spec.kinds == ("big", "small")
    assert env.spec.kind == (0,) * (agents // 2) + (1,) * (agents // 2)
    assert env.spec.obs_size == (26 if agents > 6 else 4 + 8 + 6)
    contact = env.physics.contact[0, [0, -1]]
    torch.testing.assert_close(contact, torch.tensor([2 * size, 1.5 * size]))
    odd = HeterogeneousNavigation(agents, quirks=True, num_envs=1).physics.contact
    torch.testing.assert_close(odd, torch.full((agents, agents), 2 * size))


def test_the_small_are_quicker():
    env = HeterogeneousNavigation(4, num_envs=1)
    far = torch.tensor([[[0.0, 0], [0, 3], [0, 6], [0, 9]]])
    put(env, position=far)
    right = torch.ones(1, 4, dtype=torch.long)
    first = last = env.step(right).obs[0, :, 0]
    for _ in range(20):
        last = env.step(right).obs[0, :, 0]
    torch.testing.assert_close(first, torch.tensor([0.3, 0.3, 0.4, 0.4]))
    torch.testing.assert_close(last, torch.tensor([1.0, 1.0, 1.3, 1.3]))


# Push


def test_push_by_hand():
    # Ball at 0 and 2 from its target; agents at 0.15 (touching), 1 and 2 from the ball.
    position = torch.tensor([[[0.0, -1.0], [0.0, 0.155], [2.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[0.0, 2.0]]])
    for reward in ("team", "agent"):
        env = Push(3, reward=reward, num_envs=1)
        put(env, position=position, target=target)
        step = idle(env)
        # They overlap by 0.005, so with 0.5: 0.1 * 0.1 * 0.5 up, and half as far down.
        place, ball = places(step)[0], env.position[0, 3]
        torch.testing.assert_close(place[1], torch.tensor([0.0, 0.16]), atol=1e-4, rtol=0)
        torch.testing.assert_close(ball, torch.tensor([0.0, -0.0025]), atol=1e-4, rtol=0)
        away, close = 2.0025, 0.1625
        team = -2 * away - 0.1 * close
        assert step.info["team_return"].item() == pytest.approx(team, abs=1e-3)
        own = [-2 * away / 3] * 3 if reward == "agent" else [team / 3] * 3
        own[1] -= 0.1 * close if reward == "agent" else 0
        assert step.reward[0].tolist() == pytest.approx(own, abs=1e-3)


def test_a_touch_is_paid():
    position = torch.tensor([[[0.0, -1.0], [0.0, 0.17], [2.0, 0.0], [0.0, 0.0]]])
    velocity = torch.tensor([[[0.0, 0], [0, -0.4], [0, 0], [0, 0]]])
    env = Push(3, reward="agent", num_envs=1)
    put(env, position=position, velocity=velocity, target=torch.zeros(1, 1, 2))
    step = idle(env)
    # 0.17 - 0.03 is less than 0.16; the ball is on its target.
    assert step.reward[0].tolist() == pytest.approx([0, 0.1 - 0.1 * 0.14, 0], abs=1e-3)
    assert step.info["touching"].item() == 1 and step.info["distance"].item() < 1e-3


def test_the_target_is_mostly_far_from_the_ball():
    env = Push(15, num_envs=2000)
    env.reset(0)
    near = (env.away() < 1.2).float().mean().item()
    inner = 3.6 * (torch.rand(2, 200_000, 2) - 0.5)
    once = ((inner[0] - inner[1]).norm(dim=1) < 1.2).float()
    assert near == pytest.approx((once.mean() ** 2).item(), abs=0.02)


def test_sizes_of_push_and_what_is_seen():
    seen = {3: 12, 6: 18, 15: 28, 30: 18, 100: 28, 50: 28, 2: 10}
    for agents, width in seen.items():
        assert Push(agents, num_envs=1).spec.obs_size == width
    env = Push(30, num_envs=2)
    step = env.reset(0)
    layout, place = env.spec.layout, places(step)
    assert torch.equal(step.obs[..., layout["ball"]], env.position[:, -1:] - place)
    assert torch.equal(step.obs[..., layout["target"]], env.target - place)
    assert whole(step).shape == (2, 4 * 30 + 6)
    # The first ten collide with nothing, though they may touch the ball.
    put(env, position=torch.zeros(2, 31, 2) + torch.linspace(0, 1e-2, 31)[:, None])
    idle(env)
    assert not env.velocity[:, :10].any() and env.velocity[:, 10:].abs().amin(2).all()
    odd = Push(30, quirks=True, num_envs=1).physics.contact[-1, 0].item()
    assert odd == pytest.approx(0.12) and env.physics.contact[-1, 0].item() == pytest.approx(0.76)


# Prey and predator


def test_hunting_by_hand():
    # Hunters at 0.1 (touching), 1 and 3 from the closest of two prey.
    position = torch.tensor([[[0.0, 0.0], [0, 1], [0, -3], [0.1, 0], [9, 9], [5, 5], [7, 7]]])
    for reward in ("team", "agent"):
        env = PreyPredator(3, num_prey=2, reward=reward, num_envs=1)
        put(env, position=position)
        step = idle(env)
        place = env.position[0]
        far = [(place[3] - place[i]).norm().item() for i in range(3)]
        own = [10.0 * (far[0] < 0.125) - 0.1 * far[0], -0.1 * far[1], -0.1 * far[2]]
        expected = own if reward == "agent" else [sum(own) / 3] * 3
        assert step.reward[0].tolist() == pytest.approx(expected, abs=1e-4)
        assert step.info["contacts"].item() == float(far[0] < 0.125)
        assert step.info["team_return"].item() == pytest.approx(sum(own), abs=1e-4)


def test_a_contact_with_each_prey_counts():
    env = PreyPredator(2, num_prey=3, num_obstacles=0, reward="agent", num_envs=1)
    place = torch.tensor([[[0.0, 0.0], [2, 0], [0.05, 0], [0, 0.05], [-0.05, 0]]])
    put(env, position=place, velocity=torch.zeros(1, 5, 2))
    env.physics._near = torch.zeros(5, 5)  # no one is pushed away
    step = idle(env)
    near = (env.position[0, 2:] - env.position[0, 0]).norm(dim=1)
    # They run at 0.4 for 0.1, from 0.05 to 0.09 away.
    assert near.tolist() == pytest.approx([0.09] * 3, abs=0.02)
    assert step.reward[0, 0].item() == pytest.approx(30 - 0.1 * near.min().item(), abs=1e-4)


def test_obstacles_stay_and_stop():
    env = PreyPredator(1, num_prey=1, num_obstacles=1, num_envs=1)
    put(env, position=torch.tensor([[[0.0, 0.0], [5, 5], [0.4, 0.0]]]))
    for _ in range(25):
        env.step(torch.ones(1, 1, dtype=torch.long))
    assert torch.equal(env.position[0, 2], torch.tensor([0.4, 0.0]))
    assert 0.05 < env.position[0, 0, 0] < 0.4 - 0.2


def test_prey_runs_from_the_three_nearest_and_from_the_border():
    def run(prey, *hunters):
        place = torch.tensor([[prey]])
        return flee(place, Gaps.between(place, torch.tensor([list(hunters)])), 1.0)[0, 0].tolist()

    assert run([0.0, 0.0], [-0.5, 0.0]) == pytest.approx([1, 0])
    # 1 / 0.5 to the right and 1 / 1 upwards.
    assert run([0.0, 0.0], [-0.5, 0.0], [0.0, -1.0]) == pytest.approx([2 / 5**0.5, 1 / 5**0.5])
    three = [[-0.5, 0.0], [-0.5, 0.0], [-0.5, 0.0]]
    assert run([0.0, 0.0], *three, [0.0, -0.6]) == pytest.approx([1, 0])
    # At the border flight and return are equally strong; beyond, return is stronger.
    assert run([1.0, 0.0], [0.5, 0.0]) == pytest.approx([0, 0], abs=1e-3)
    assert run([1.2, 0.0], [0.5, 0.0]) == pytest.approx([-1, 0], abs=1e-5)
    assert run([0.7, 0.0], [0.5, 0.0]) == pytest.approx([1, 0])


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"num_agents": 3}, 4 + 4 + 4 + 4),
        ({"num_agents": 6}, 4 + 6 + 10 + 8),
        ({"num_agents": 15}, 34),
        ({"num_agents": 30}, 44),
        ({"num_agents": 100}, 34),
        ({"num_agents": 100, "adversaries_seen": 5}, 44),
    ],
)
def test_sizes_of_prey_and_predator(options, size):
    env = PreyPredator(**options, num_envs=2)
    step, layout = env.reset(0), env.spec.layout
    assert env.spec.obs_size == size
    prey = env.position[:, env._prey]
    gap = prey[:, None] - places(step)[:, :, None]
    first = gap.norm(dim=3).argmin(2)
    nearest = gap.gather(2, first[..., None, None].expand(-1, -1, 1, 2)).squeeze(2)
    assert torch.equal(step.obs[..., layout["prey"]][..., :2], nearest)
    step = idle(env)
    velocity = env.velocity[:, env._prey]
    gap = env.position[:, env._prey][:, None] - places(step)[:, :, None]
    first = gap.norm(dim=3).argmin(2)
    seen = velocity.gather(1, first.unsqueeze(2).expand(-1, -1, 2))
    assert torch.equal(step.obs[..., layout["prey_velocity"]][..., :2], seen)
    assert seen.abs().sum() > 0


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (HeterogeneousNavigation, {"num_agents": 5}, "num_agents is 5; allowed are 2, 4, 6"),
        (
            HeterogeneousNavigation,
            {"big_size": 0.0},
            "big_size is 0.0; allowed are numbers above 0",
        ),
        (Push, {"num_agents": 0}, "num_agents is 0; allowed are whole numbers from 1"),
        (Push, {"half_width": 0.2}, "half_width is 0.2; it must be more than 0.2"),
        (Push, {"num_agents": 3, "agents_seen": 3}, "agents_seen is 3; allowed are 0 to 2"),
        (PreyPredator, {"num_prey": 0}, "num_prey is 0; allowed are whole numbers from 1"),
        (PreyPredator, {"num_agents": 3, "prey_seen": 2}, "prey_seen is 2; allowed are 0 to 1"),
        (PreyPredator, {"half_width": 0.1}, "half_width is 0.1; it must be more than 0.1"),
    ],
)
def test_what_the_three_refuse(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)


@pytest.mark.parametrize("kind", [HeterogeneousNavigation, Push, PreyPredator])
def test_scenes_and_returns(kind):
    env, paid = kind(30, num_envs=2), torch.zeros(2)
    step = env.reset(0)
    for _ in range(25):
        step = idle(env)
        paid += step.reward.sum(1)
    torch.testing.assert_close(step.info["team_return"], paid)
    scene = env.scene(1)
    assert scene.time == 25 and all(len(place) for place, _ in scene.points.values())


@pytest.mark.parametrize("kind", [Push, PreyPredator])
def test_renumbering_agents_renumbers_the_rest(kind):
    env = kind(15, reward="agent", num_envs=3)
    env.reset(0)
    order = torch.randperm(15)
    state, things = env.state_dict(), torch.arange(env.position.shape[1])
    things[:15] = order
    action = torch.randint(5, (3, 15))
    first = env.step(action)
    env.load_state_dict(state | {k: state[k][:, things] for k in ("position", "velocity")})
    second = env.step(action[:, order])
    for name in ("obs", "position", "reward"):
        torch.testing.assert_close(getattr(first, name)[:, order], getattr(second, name))
