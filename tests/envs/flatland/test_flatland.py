"""Episodes of Flatland: what is seen, paid and counted."""

from typing import Any

import numpy as np
import pytest
import torch
from laid import EAST, WEST, empty_step, engine_of, engine_on, line, siding
from walked import Walker

from graphmarl.agent_graph import agent_graph
from graphmarl.envs import Flatland
from graphmarl.envs.flatland.engine import STATE_SIZE
from graphmarl.envs.flatland.rails import Rails
from graphmarl.envs.flatland.simulator import kept_random
from graphmarl.envs.flatland.tree import FEATURES, ROOT, Trains, observe
from graphmarl.graphs import make_graph

LEFT, RIGHT, STOP = 0, 1, 2
TINY: dict[str, Any] = {"width": 18, "height": 18, "rail_pairs": 1, "cities": 2, "num_agents": 3}


def started(engine, count, steps=2):
    """An engine whose trains have all departed."""
    out = empty_step(count)
    engine.reset(0, out)
    for _ in range(steps):
        engine.step(np.zeros(count, int), out)
    return out


def go(engine, out, *actions):
    ended = engine.step(np.array(actions), out)
    return out.reward.tolist(), ended


def seen(grid, starts, stuck=()):
    """What trains at some places see of each other, of which some can never move again."""
    tables = Rails(grid, np.array([(1, 9)] * len(starts)))
    no = np.zeros(len(starts), bool)
    stuck = np.isin(np.arange(len(starts)), list(stuck))
    place = np.array([tables.number[start] for start in starts])
    target = tables.cell_at(np.array([(1, 9)] * len(starts)))
    trains = Trains(place, ~no, no, no, no, stuck, no.astype(float), target)
    obs, links, _ = observe(tables, trains)
    return obs[:, ROOT:].reshape(len(starts), -1, FEATURES), links


def test_nobody_sees_itself_where_the_rails_lead_back():
    tree, links = seen(line(), [(1, 7, EAST)])
    # The first segment ends where the line does; the next one comes back over the own cell.
    assert tree[0, 2].any()
    assert not links.any()
    assert (tree[0, :, 1] == 0).all(), "no distance to another train"
    _, links = seen(line(), [(1, 7, EAST), (1, 5, EAST)])
    assert links.tolist() == [[False, True], [True, False]]


def test_nothing_is_seen_behind_a_segment_with_a_deadlocked_train():
    starts = [(1, 1, EAST), (1, 2, EAST), (0, 5, EAST)]
    tree, links = seen(siding(), starts)
    assert links[:, 0].tolist() == [False, True, True]
    assert tree[0, 2:6].any()
    tree, links = seen(siding(), starts, stuck=[1])
    assert links[:, 0].tolist() == [False, False, False]
    assert not tree[0, 2:6].any()


def test_tasks_are_those_of_the_paper():
    sizes = {"flatland-5": (5, 573), "flatland-10": (10, 586), "flatland-15": (15, 720)}
    for task, (agents, horizon) in sizes.items():
        spec = Flatland(task).spec
        assert (spec.num_agents, spec.horizon) == (agents, horizon)
        assert (spec.obs_shape, spec.num_actions) == ((205,), 3)
        assert spec.state_size == 13 * agents
        assert spec.layout == {"own": slice(0, 9), "tree": slice(9, 205)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "flatland-6"}, "allowed are flatland-5, flatland-10, flatland-15"),
        ({"cities": 1}, "cities is 1; allowed are 2 and more"),
        ({"num_agents": 0}, "num_agents is 0; allowed are whole numbers from 1"),
        ({"malfunction_rate": 1.5}, "malfunction_rate is 1.5; allowed are numbers from 0 to 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Flatland(**options)


@pytest.mark.parametrize(("seed", "options"), [(0, {}), (1, {"task": "flatland-10"})])
def test_observations_and_links_are_those_found_by_walking(seed, options):
    env = Flatland(num_envs=1, malfunction_rate=0.05, met=True, **options)
    generator = torch.Generator().manual_seed(seed)
    step = env.reset(seed)
    engine = engine_of(env)
    seen = set()
    for time in range(64):
        if step.done.any():
            break
        if time % 4 == 0:
            with kept_random():
                walker = Walker(engine)
            links = set()
            for agent in step.alive[0].nonzero().flatten().tolist():
                numbers, hears = walker.look(agent)
                own, met = step.obs[0, agent].numpy()[:205], step.obs[0, agent, 205:].tolist()
                assert np.allclose(own, numbers, atol=1e-5), (time, agent)
                assert {x for x in met if x >= 0} == {step.obs[0, j, 2].item() for j in hears}
                links |= {(other, agent) for other in hears if step.alive[0, other]}
            assert step.links is not None
            assert set(map(tuple, step.links.T.tolist())) == links
            seen |= links
        action = (torch.rand(step.alive.shape, generator=generator) * 2.3).long()
        step = env.step(action)
    assert seen, "somebody met somebody"


def test_arriving_is_paid_once_and_what_comes_nearer_each_step():
    engine = engine_on(line(), [((1, 1), EAST), ((1, 8), WEST)], [(1, 3), (1, 0)])
    out = started(engine, 2, 2)
    # Both have departed and stand where they began.
    assert out.position.tolist() == [[1, 1], [8, 1]]
    assert go(engine, out, LEFT, LEFT)[0] == pytest.approx([0.01, 0.01])
    assert go(engine, out, LEFT, LEFT)[0] == pytest.approx([10.01, 0.01])
    assert out.alive.tolist() == [False, True]
    assert out.info["arrived"] == 0.5
    assert go(engine, out, LEFT, LEFT)[0] == pytest.approx([0, 0.01])
    total = sum(go(engine, out, LEFT, LEFT)[0][1] for _ in range(5))
    assert total == pytest.approx(10.05)
    assert not out.alive.any()
    assert out.info["done_share"] == 1


def test_a_deadlock_is_paid_once_and_ends_the_episode():
    engine = engine_on(line(), [((1, 2), EAST), ((1, 5), WEST)], [(1, 8), (1, 1)])
    out = started(engine, 2)
    assert go(engine, out, LEFT, LEFT) == (pytest.approx([-4.99, -4.99]), (True, False))
    assert out.info["deadlocked"] == 1
    assert out.info["arrived"] == 0
    assert (out.obs == 0).all()


def test_actions_count_only_where_something_is_to_be_decided():
    engine = engine_on(siding(), [((1, 0), WEST)], [(1, 9)])
    out = started(engine, 1)
    # It would stop at once, but goes on as far as (1, 2), before the fork.
    for column in (1, 2, 2, 2):
        go(engine, out, STOP)
        assert out.position[0].tolist() == [column, 1]
    go(engine, out, LEFT)
    assert out.position[0].tolist() == [3, 1]
    go(engine, out, LEFT)
    assert out.position[0].tolist() == [3, 2]
    engine = engine_on(siding(), [((1, 2), EAST)], [(1, 9)])
    out = started(engine, 1, 3)
    go(engine, out, RIGHT)
    assert out.position[0].tolist() == [4, 1]


def test_a_train_waits_outside_until_it_departs():
    engine = engine_on(line(), [((1, 2), EAST), ((1, 5), WEST)], [(1, 8), (1, 1)])
    out = empty_step(2)
    engine.reset(0, out)
    for _ in range(3):
        go(engine, out, STOP, LEFT)
    assert engine.trains.waiting.tolist() == [True, False]
    # The second passes where the first waits, and arrives.
    for _ in range(4):
        go(engine, out, STOP, LEFT)
    assert engine.trains.arrived.tolist() == [False, True]
    assert out.obs[0, 8] == 1


def test_who_looks_hears_whom_it_meets_first_on_each_segment():
    # Targets cut the line into segments of two cells, of which three are seen.
    starts = [((1, 1), EAST), ((1, 4), EAST), ((1, 8), WEST)]
    engine = engine_on(line(), starts, [(1, 7), (1, 5), (1, 3)])
    out = started(engine, 3)
    assert out.links.astype(int).tolist() == [[0, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_nothing_is_seen_behind_a_deadlocked_train():
    starts = [((1, 1), EAST), ((1, 4), EAST), ((1, 5), WEST)]
    engine = engine_on(line(), starts, [(1, 7), (1, 0), (1, 3)])
    out = started(engine, 3)
    assert out.alive.tolist() == [True, False, False]
    assert not out.links.any()
    tree = out.obs[0, 9:].reshape(14, 14)
    # Two segments in a row, to (1, 3), and to (1, 7), where the deadlock is; none after it.
    assert (tree[:, 0] != 0).nonzero()[0].tolist() == [0, 2]
    assert tree[2, [8, 9, 13]].tolist() == [1, -1, 1]
    assert tree[2, 1] == pytest.approx(1 / 100 - 10)


def test_a_train_is_one_of_five_things():
    env = Flatland(num_envs=2, malfunction_rate=0.1, **TINY)
    generator = torch.Generator().manual_seed(0)
    step = env.reset(0)
    for _ in range(60):
        assert step.state is not None
        trains = step.state.view(2, 3, STATE_SIZE)
        assert (trains[..., 4:8].sum(-1) == 1).all()
        assert (trains[..., 8:].sum(-1) == 1).all()
        assert torch.equal(trains[..., 8:11].sum(-1) == 1, step.alive)
        assert torch.equal(trains[..., 12].mean(1), step.info["arrived"])
        assert torch.equal(trains[..., 11].mean(1), step.info["deadlocked"])
        step = env.step((torch.rand(2, 3, generator=generator) * 2.5).long())


def test_no_two_trains_are_in_one_cell_and_deadlocked_trains_never_move():
    env = Flatland("flatland-10", num_envs=1, malfunction_rate=0.0)
    generator = torch.Generator().manual_seed(0)
    step = env.reset(5)
    engine = engine_of(env)
    stuck = {}
    for _ in range(120):
        if step.done.any():
            break
        trains = engine.trains
        cells = engine.rails.cell[trains.place[trains.present]].tolist()
        assert len(set(cells)) == len(cells)
        for train, place in stuck.items():
            assert trains.deadlocked[train]
            assert trains.place[train] == place
        stuck = {int(i): int(trains.place[i]) for i in trains.deadlocked.nonzero()[0]}
        step = env.step((torch.rand(1, 10, generator=generator) * 2.2).long())
    assert stuck


def test_malfunctions_are_as_frequent_and_as_long_as_they_should_be():
    from graphmarl.envs.flatland.simulator import Malfunctions

    draws = np.random.RandomState(0)
    found = [Malfunctions(0.02).generate(draws) for _ in range(20_000)]
    lengths = [each.num_broken_steps for each in found if each is not None]
    # 1 - exp(-0.02) of the steps, with a standard error of 0.001.
    assert len(lengths) / len(found) == pytest.approx(0.0198, abs=0.003)
    assert (min(lengths), max(lengths)) == (21, 51)


def test_links_make_a_graph():
    env = Flatland("flatland-10", num_envs=2, malfunction_rate=0.0)
    step = env.reset(1)
    for _ in range(20):
        step = env.step(torch.zeros(2, 10, dtype=torch.long))
    graph = make_graph("links")(agent_graph(step, env.spec))
    assert graph.edge_index is not None and graph.edge_index.shape[1] > 0


def test_the_picture_has_rails_targets_and_trains():
    engine = engine_on(line(), [((1, 2), EAST)], [(1, 8)])
    started(engine, 1)
    scene = engine.scene()
    assert (scene.low, scene.high, scene.time) == ((0.0, 0.0), (9.0, 2.0), 2)
    assert scene.points["targets"][0].tolist() == [[8, 1]]
    assert scene.points["trains"][0].tolist() == [[2, 1]]
    # Nine pieces of rail between ten cells, there and back.
    assert scene.lines["rails"][0].shape == (18, 2, 2)


@pytest.mark.slow
def test_workers_play_the_same_episodes():
    plain, served = Flatland(num_envs=2, **TINY), Flatland(num_envs=2, workers=2, **TINY)
    one, other = plain.reset(3), served.reset(3)
    for _ in range(5):
        assert torch.equal(one.obs, other.obs)
        assert torch.equal(one.reward, other.reward)
        action = torch.zeros(2, 3, dtype=torch.long)
        one, other = plain.step(action), served.step(action)
    served.close()
