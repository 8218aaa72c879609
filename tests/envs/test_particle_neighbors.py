"""What a search finds is what all distances say."""

import pytest
import torch

from graphmarl.envs import make_env
from graphmarl.envs.particle import covering, placement
from graphmarl.envs.particle.neighbors import Neighbors, Points
from graphmarl.envs.particle.physics import Gaps, Physics


def points(copies, number, seed, twins=False):
    made = torch.rand(copies, number, 2, generator=torch.Generator().manual_seed(seed)) * 3
    if twins:
        made[:, 1] = made[:, 0]
    return made


def search(here, there, reach=0.0):
    first = Points(here)
    return Neighbors(first, first if there is here else Points(there), reach)


@pytest.mark.parametrize("twins", [False, True])
def test_the_nearest_of_a_search_are_those_of_all_distances(twins):
    here, there = points(3, 20, 0, twins), points(3, 12, 1)
    for first, second in ((here, here), (here, there)):
        gaps, near = Gaps.between(first, second), search(first, second)
        chosen, other = near.nearest(4), gaps.nearest(4)
        assert chosen.shape == (3, 20, 4)
        squared = gaps.squared.gather(2, chosen)
        assert torch.equal(squared, gaps.squared.gather(2, other))
        assert torch.equal(near.squared_to(chosen), squared)
        assert torch.equal(near.to(chosen), gaps.to(chosen))
    assert search(here, there).nearest(0).shape == (3, 20, 0)


def test_pairs_are_all_within_reach_in_order_and_of_one_copy():
    here = points(3, 20, 0, twins=True)
    squared = Gaps.between(here, here).squared
    pairs = search(here, here, reach=0.5).pairs
    expected = (squared < 0.25).nonzero()
    inside = pairs.squared < 0.25
    assert torch.equal(pairs.row[inside], expected[:, 0] * 20 + expected[:, 1])
    assert torch.equal(pairs.both[inside], expected[:, 1] * 20 + expected[:, 2])
    assert torch.equal(pairs.squared[inside], squared[squared < 0.25])


def test_points_in_one_place_and_far_copies():
    place = torch.ones(2, 4, 2)
    assert len(search(place, place, reach=0.1).pairs.row) == 2 * 12
    assert search(place, place).nearest(3).sort(2).values[0].tolist() == [
        [1, 2, 3],
        [0, 2, 3],
        [0, 1, 3],
        [0, 1, 2],
    ]


def test_contact_forces_are_those_of_all_pairs():
    here, physics = points(4, 30, 2), Physics([0.1] * 29 + [0.3])
    push = physics.push(Gaps.between(here, here))
    assert push is not None
    found = physics.push_of(search(here, here, physics.reach))
    torch.testing.assert_close(found, push, rtol=1e-5, atol=1e-5)
    assert push.abs().amax((0, 2)).count_nonzero() > 5


@pytest.mark.parametrize("known", [0, 7])
def test_darts_are_accepted_as_by_all_distances(known):
    dart, old = points(4, 40, 3), points(4, 40, 4)
    old[:, known:] = torch.inf
    expected = placement._by_distances(dart, old, 0.4)
    assert torch.equal(placement._by_search(dart, old, 0.4), expected)
    assert 0 < expected.float().mean() < 1


@pytest.mark.parametrize("name", ["navigation", "heterogeneous_navigation"])
@pytest.mark.parametrize("reward", ["team", "agent", "difference"])
def test_a_searched_world_is_the_same_world(name, reward, monkeypatch):
    def played(first_searched):
        monkeypatch.setattr(covering, "SEARCHED_FROM", first_searched)
        env = make_env(name, num_agents=30, num_envs=3, reward=reward)
        first, draw = env.reset(0), torch.Generator().manual_seed(0)
        rows = torch.randint(5, (12, 3, 30), generator=draw)
        return [first, *(env.step(row) for row in rows)]

    dense, searched = played(1000), played(1)
    for one, other in zip(dense, searched, strict=True):
        torch.testing.assert_close(other.obs, one.obs, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(other.info, one.info, rtol=1e-4, atol=1e-4)
    for one, other in zip(dense[1:], searched[1:], strict=True):
        torch.testing.assert_close(other.reward, one.reward, rtol=1e-4, atol=1e-4)
    assert float(dense[-1].info["collisions"].max()) > 0
