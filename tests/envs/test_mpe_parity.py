"""Our particle worlds move and pay as mpe2's do, step by step, from the same beginning.

mpe2 brings positions up to date before velocities, and its discrete actions 1 and 2, 3 and 4 are
the other way round.
"""

import pytest
import torch
from mpe2 import simple_spread_v3, simple_tag_v3
from particles import places

from graphmarl.envs import Navigation, PreyPredator
from graphmarl.envs.particle.world import DIRECTIONS

THEIRS = torch.tensor([0, 2, 1, 4, 3])


def close(one, other):
    torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-4)


def read(entities, what):
    return torch.stack([torch.from_numpy(getattr(each.state, what)) for each in entities]).float()


def act(game, action):
    reward = game.step(dict(zip(game.agents, THEIRS[action].tolist(), strict=True)))[1]
    return list(reward.values())


@pytest.mark.parametrize("local_ratio", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_simple_spread(local_ratio, seed):
    game = simple_spread_v3.parallel_env(N=3, local_ratio=local_ratio, max_cycles=25)
    game.reset(seed=seed)
    world = game.unwrapped.world
    env = Navigation(3, num_envs=1, reward="agent")
    env.physics.order = "position"
    env.reset(0)
    for entity in world.agents:  # nearer, so that all run into all
        entity.state.p_pos = 0.3 * entity.state.p_pos
    env.load_state_dict(
        env.state_dict()
        | {
            "position": read(world.agents, "p_pos")[None],
            "landmarks": read(world.landmarks, "p_pos")[None],
        }
    )
    actions = torch.randint(5, (24, 3), generator=torch.Generator().manual_seed(seed))
    before, collisions = torch.zeros(1), 0.0
    for action in actions:
        reward, step = act(game, action), env.step(action[None])
        close(places(step)[0], read(world.agents, "p_pos"))
        close(step.obs[0, :, :2], read(world.agents, "p_vel"))
        cover = 3 * step.info["distance"]
        team, before = step.info["team_return"] - before, step.info["team_return"]
        hits = -team - cover
        collisions += float(hits)
        if local_ratio == 0:  # everyone gets the sum of distances
            assert reward == pytest.approx([-cover.item()] * 3, abs=1e-3)
        else:  # each its own collisions, which are our share less the landmarks it is closest to
            assert sum(reward) == pytest.approx(-hits.item(), abs=1e-3)
    assert collisions > 0.5


class Driven(PreyPredator):
    """Prey that do as they are told."""

    told = torch.zeros(1, 1, 2)

    def drive(self):
        return self.told


@pytest.mark.parametrize("seed", range(4))
def test_simple_tag(seed):
    game = simple_tag_v3.parallel_env(max_cycles=25)
    game.reset(seed=seed)
    world = game.unwrapped.world
    env = Driven(3, num_envs=1, reward="team")
    env.physics.order = "position"
    env.reset(0)
    first = 0.4 * read(world.entities, "p_pos")  # nearer, so that all run into all
    for entity, place in zip(world.entities, first, strict=True):
        entity.state.p_pos = place.double().numpy()
    env.load_state_dict(env.state_dict() | {"position": first[None]})
    actions = torch.randint(5, (24, 4), generator=torch.Generator().manual_seed(seed))
    before, contacts = torch.zeros(1), 0.0
    for action in actions:
        env.told = torch.tensor(DIRECTIONS)[action[3]].view(1, 1, 2)
        reward, step = act(game, action), env.step(action[None, :3])
        close(env.position[0], read(world.entities, "p_pos"))
        close(env.velocity[0, :4], read(world.agents, "p_vel"))
        team, before = step.info["team_return"] - before, step.info["team_return"]
        hits = team + 0.1 * 3 * step.info["distance"]
        contacts += float(hits)
        assert reward[:3] == pytest.approx([hits.item()] * 3, abs=1e-3)
    assert seed or contacts > 0
