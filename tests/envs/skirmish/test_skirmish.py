"""Laws of the whole game, and that it is as hard as it was found to be apart from this code."""

import math
from dataclasses import fields as columns
from dataclasses import replace

import pytest
import torch
from fields import combat_of, field_of, orders_of, punctual, stats_of

from graphmarl.envs.check import random_actions
from graphmarl.envs.skirmish import Skirmish
from graphmarl.envs.skirmish.combat import Combat, Orders
from graphmarl.envs.skirmish.maps import MAPS
from graphmarl.envs.skirmish.scripted import SCRIPTED, mirror
from graphmarl.envs.skirmish.state import NO_UNIT, CombatState
from graphmarl.envs.skirmish.terrain import TERRAINS
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import random_policy

pytestmark = pytest.mark.usefixtures("unchecked")


def randomly(env, steps, seed=0):
    """Each step of random legal play, with the field before it and after."""
    step, generator = env.reset(seed), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        score = torch.rand(step.available.shape, generator=generator)
        # Attacks are rare among many actions, and make more of a battle.
        score[..., 6:] += 0.3
        step = env.step((score * step.available).argmax(2))
        yield step


@pytest.mark.parametrize("name", ["2s3z", "MMM", "bane_vs_bane"])
def test_numbering_enemies_anew_changes_no_reward_and_no_end(name):
    env = Skirmish(name, num_envs=2)
    for _ in randomly(env, 14):
        pass
    agents, units = env.agents, len(env.stats)
    order = torch.cat([torch.arange(agents), torch.arange(agents, units).flip(0)])
    stats = type(env.stats)([env.stats.units[slot] for slot in order], agents, env.stats.device)
    combats = env.combat, Combat(stats, agents, env.map.walkable, env.map.passable)
    field, turned = env.combat_state(), renumbered(env.combat_state(), order)
    delay, generator = torch.zeros(units, 2), torch.Generator().manual_seed(1)
    for _ in range(4):
        orders = attacks(env, field, generator)
        other = replace_targets(orders, order)
        before = field.health + field.shield
        field, turned = combats[0].step(field, orders, delay), combats[1].step(turned, other, delay)
        for column in ("x", "y", "health", "shield", "energy"):
            found, expected = getattr(turned, column), getattr(field, column)[order]
            torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
        assert not torch.equal(before, field.health + field.shield)


def renumbered(field, order):
    """The same field with unit order[i] in slot i."""
    back = order.argsort()
    made = {}
    for column in columns(CombatState):
        value = getattr(field, column.name)
        if column.name in ("target", "grudge"):
            value = torch.where(value == NO_UNIT, NO_UNIT, back[value.clamp(0)])
        made[column.name] = value if column.name.startswith("goal") else value[order]
    return CombatState(**made)


def attacks(env, field, generator):
    """Each agent attacks somebody."""
    agents, units = env.agents, len(env.stats)
    target = torch.randint(agents, units, (agents, 2), generator=generator)
    zero = torch.zeros(agents, 2)
    return Orders(target, zero, zero, zero)


def replace_targets(orders, order):
    return replace(orders, target=order.argsort()[orders.target])


@pytest.mark.parametrize(
    "name", ["MMM", "1o2r_vs_4r", "5z_vs_1ul", "2s_vs_1sc", "bane_vs_bane", "2c_vs_64zg"]
)
def test_a_copy_among_many_plays_as_alone(name):
    many, alone = (Skirmish(name, num_envs=number) for number in (5, 1))
    plan = random_actions(many, 3, 12)
    one, other = many.reset(3), alone.reset(3)
    for action in plan:
        assert torch.equal(one.obs[:1], other.obs)
        assert torch.equal(one.reward[:1], other.reward)
        one, other = many.step(action), alone.step(action[:1])
    assert torch.equal(many.position[:1], alone.position)


@pytest.mark.parametrize("name", MAPS)
def test_every_map_can_be_played(name):
    env = Skirmish(name, num_envs=2)
    top = (env.stats.hp + env.stats.shield).T
    for step in randomly(env, 5):
        assert step.obs.isfinite().all()
        assert step.state is not None
        assert step.state.isfinite().all()
        assert step.obs.shape[2] == env.spec.obs_shape[0]
        assert step.state.shape[1] == env.spec.state_size
        assert ((env.health >= 0) & (env.health + env.shield <= top)).all()


def test_what_is_not_available_is_refused():
    env = Skirmish("3m", num_envs=2)
    env.reset(0)
    action = torch.ones(2, 3, dtype=torch.long)
    action[1, 2] = 6
    said = "action 6 of environment 1, agent 2 is not available; allowed are 1, 2, 3, 4, 5"
    with pytest.raises(ValueError, match=said):
        env.step(action)
    env.health = env.health * torch.tensor([1.0, 0, 1, 1, 1, 1])
    env.position = env.position.clone()
    with pytest.raises(ValueError, match="action 1 of environment 0, agent 1 .* allowed are 0$"):
        env.step(torch.ones(2, 3, dtype=torch.long))


@pytest.mark.parametrize("name", ["3m", "8m", "2s3z"])
def test_nobody_stands_in_walls_or_in_others(name):
    env = Skirmish(name, num_envs=16)
    script = SCRIPTED["nearest"](env)
    walkable = torch.from_numpy(env.map.walkable.copy())
    step = env.reset(1)
    for _ in range(30):
        step = env.step(script(step))
        cell = env.position.long()
        assert walkable[cell[..., 0], cell[..., 1]].all()
        assert overlap(env.stats, env.position, env.health > 0).max() <= 0.2


def overlap(stats, position, alive):
    """Share of the sum of radii by which two that collide are too near."""
    gap = torch.cdist(position, position)
    both = alive.unsqueeze(1) & alive.unsqueeze(2) & (stats.apart > 0)
    return torch.where(both, 1 - gap / stats.apart.clamp(min=1e-6), 0)


MINE = """
limit: 20
starts:
  - {allies: {marine: 2}, at: [9, 16]}
  - {enemies: {zergling: 3}, at: [14, 16]}
goal: [9, 16]
overrides: {marine: {hp: 60}}
"""
FRONT = [[11.45, 12.9], [12.55, 12.9]]
NECKS = {
    "two in the neck": FRONT,
    "six in the neck": [*FRONT, [11.2, 12.0], [12.0, 12.0], [12.6, 11.9], [11.8, 11.2]],
}


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "free"])
@pytest.mark.parametrize("name", NECKS)
def test_few_zerglings_at_once_reach_zealots_in_the_neck_of_corridor(name, fixed):
    """Those who reach a zealot stand on two arcs around the front ones, and need room on them.

    The arcs have the radius of the reach, 0.1 + 0.5 + 0.375. That of the left zealot goes from the
    wall, 0.45 to its left, to the middle between both, 0.55 to its right; that of the right one
    from there to the height of the wall's edge, 0.1 above. The zerglings' centres keep 0.75 apart,
    or 0.6 where they overlap by the fifth that is allowed.
    """
    reach = 0.975
    left = math.acos(-0.45 / reach) - math.acos(0.55 / reach)
    right = math.acos(-0.55 / reach) - math.asin(0.1 / reach)
    most = 1 + int((left + right) * reach / 0.6)
    zealots = NECKS[name]
    front, count = slice(0, 2), len(zealots)
    lasting = {"hp": 1e6, **({"speed": 0.0} if fixed else {})}
    stats = stats_of(f"{count} zealot", "24 zergling", {"zealot": lasting})
    spots = [[22.0 + 0.8 * (slot % 5), 22.1 + 0.83 * (slot // 5)] for slot in range(24)]
    combat = combat_of(stats, walkable=TERRAINS["corridor"].walkable)
    field = field_of(stats, [*zealots, *spots], goal=(4.47, 4.33))
    standing, at_once = orders_of(*[NO_UNIT] * count), []
    for _ in range(60):
        field = combat.step(field, standing, punctual(stats))
        dx, dy = field.x[count:] - field.x[:count].T, field.y[count:] - field.y[:count].T
        at_once.append((torch.hypot(dx, dy) <= reach).any(1).sum().item())
    assert max(at_once[20:]) <= most
    assert min(at_once[20:]) >= 2
    assert (field.y[count:] > 12.5).all(), "nobody passes"
    assert torch.allclose(field.y[front], torch.tensor(12.9), atol=0 if fixed else 1.0)


def test_a_saved_battle_goes_on_as_if_never_saved():
    env, other = Skirmish("MMM", num_envs=3), Skirmish("MMM", num_envs=3)
    for _ in randomly(env, 16):
        pass
    state = env.state_dict()
    other.load_state_dict(state)
    for one, two in zip(going_on(env), going_on(other), strict=True):
        assert torch.equal(one.obs, two.obs)
        assert torch.equal(one.reward, two.reward)
    assert (env.health < state["health"]).any()


def going_on(env, steps=10):
    for _ in range(steps):
        available = env.look()[2]
        score = available * torch.arange(available.shape[2])
        yield env.step(score.argmax(2) * ~(env.terminated | env.truncated).unsqueeze(1))


def test_a_map_of_one_s_own_is_played_by_its_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    env = Skirmish(str(path), num_envs=2)
    assert env.map.name == "mine"
    assert env.stats.units[0].hp == 60
    for step in randomly(env, 6):
        assert step.obs.shape == (2, 2, env.spec.obs_shape[0])


def games(name, policy, number, seed=0):
    env = Skirmish(name, num_envs=number)
    chosen = SCRIPTED[policy](env) if policy in SCRIPTED else random_policy(env, seed)
    won = play(env, chosen, seed).info["win"]
    assert len(won) == number
    return 100 * sum(won) / number


# Won of a thousand games by each policy, measured apart from this code: 71, 37 and 0 %.
@pytest.mark.parametrize(
    ("policy", "low", "high"), [("focus fire", 60, 80), ("nearest", 30, 45), ("random", 0, 5)]
)
def test_three_marines_win_as_often_as_they_should(policy, low, high):
    assert low <= games("3m", policy, 1000) <= high


def test_three_stalkers_win_by_walking_backwards():
    assert games("3s_vs_3z", "kite", 60) > 85
    assert games("3s_vs_3z", "nearest", 20) < 5


def test_banelings_that_wait_for_each_other_win_more_than_twice_as_often():
    assert games("3b_vs_1h1m", "together", 200) > 2 * games("3b_vs_1h1m", "nearest", 200)


def test_an_overlord_cannot_tell_in_which_corner_it_begins():
    env = Skirmish("1o2r_vs_4r", num_envs=1000)
    seen = env.reset(0).obs[:, 0]
    left, low = (env.position[:, 0] < 16).unbind(1)
    corners = [seen[(left == x) & (low == y)] for x in (True, False) for y in (True, False)]
    assert sum(len(corner) for corner in corners) == 1000
    # What differs is noise, and the few roaches that begin within its sight.
    for corner in corners:
        assert torch.allclose(corner.mean(0), seen.mean(0), atol=0.05)
        assert (corner[:, :4] == 1).all(), "it may walk anywhere"


def test_both_sides_of_three_marines_have_the_same_chance():
    won, drawn = mirror(Skirmish("3m", num_envs=1000), 0)
    assert 45 <= 100 * (won.mean() + drawn.mean() / 2) <= 55
    assert drawn.mean() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["3m", "8m", "2s3z", "MMM"])
def test_equal_armies_have_the_same_chance(name):
    won, drawn = mirror(Skirmish(name, num_envs=2000), 1)
    assert 46 <= 100 * (won.mean() + drawn.mean() / 2) <= 54


def test_a_picture_shows_the_living_their_targets_and_the_walls():
    env = Skirmish("corridor", num_envs=2)
    env.reset(0)
    env.health = env.health * (torch.arange(30) != 7)
    env.target = torch.full((2, 30), NO_UNIT)
    env.target[1, 2], env.target[1, 7], env.target[1, 9] = 8, 0, 2
    scene = env.scene(1)
    assert len(scene.points["agents' side"][0]) == 6
    place, health = scene.points["enemies"]
    assert torch.equal(place, env.position[1, [6, *range(8, 30)]])
    assert (health == 1).all()
    # The dead enemy aims at nobody.
    ends, side = scene.lines["targets"]
    assert torch.equal(ends, env.position[1, [[2, 8], [9, 2]]])
    assert side.tolist() == [1.0, 0.0]
    assert len(scene.points["blocked"][0]) == (~env.map.walkable).sum()
