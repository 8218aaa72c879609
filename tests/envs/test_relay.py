"""The relay task: distances, and best returns that follow from who can know the value."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from graphmarl.envs import make_env
from graphmarl.envs.didactic.relay import Relay, farthest
from graphmarl.step import Step

TASKS: list[dict[str, Any]] = [
    {"topology": "path", "num_agents": 6},
    {"topology": "path", "num_agents": 6, "distance": 2, "delay": 1},
    {"topology": "ring", "num_agents": 6, "delay": 2},
    {"topology": "ring", "num_agents": 7},
    {"topology": "star", "num_agents": 5},
    {"topology": "star", "num_agents": 5, "distance": 1},
    {"topology": "star", "num_agents": 2},
    {"topology": "random", "num_agents": 8, "distance": 3, "delay": 1, "values": 3},
    {"topology": "random", "num_agents": 8, "distance": 7},
    {"topology": "path", "num_agents": 4, "delay": 2, "shown": "first"},
]
COPIES = 500


def adjacency(env: Any, step: Step) -> Tensor:
    agents = env.spec.num_agents
    assert step.links is not None
    matrix = torch.zeros(env.num_envs, agents, agents, dtype=torch.bool)
    copy, sender = step.links[0] // agents, step.links[0] % agents
    matrix[copy, step.links[1] % agents, sender] = True
    return matrix


def spread(known, linked):
    """What the neighbours know, as one-hot values of agents that know one."""
    return known | (linked[..., None] & known[:, None]).any(2)


@pytest.mark.parametrize("options", TASKS)
def test_source_and_target_are_d_hops_apart_on_a_connected_graph(options):
    env = Relay(num_envs=20, **options)
    step = env.reset(3)
    linked = adjacency(env, step)
    assert torch.equal(linked, linked.transpose(1, 2))
    assert not linked.diagonal(dim1=1, dim2=2).any()
    reached, hops = step.obs[:, :, 0] > 0, 0
    target = step.obs[:, :, 1] > 0
    assert (reached.sum(1) == 1).all() and (target.sum(1) == 1).all()
    while not (reached & target).any(1).all():
        assert not (reached & target).any()
        reached, hops = reached | (linked & reached[:, None]).any(2), hops + 1
    assert hops == env.distance
    for _ in range(env.spec.num_agents):
        reached = reached | (linked & reached[:, None]).any(2)
    assert reached.all()


@pytest.mark.parametrize("options", TASKS)
@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("delayed", [False, True])
def test_the_best_return_is_that_of_agents_which_pass_on_all_they_know(
    options, rounds, memory, delayed
):
    env = Relay(num_envs=COPIES, **options)
    step = env.reset(0)
    values = env.spec.num_actions
    known = torch.zeros(COPIES, env.spec.num_agents, values, dtype=torch.bool)
    total, before = torch.zeros(COPIES), known
    for _ in range(env.delay + 1):
        seen = step.obs[:, :, 3:] > 0
        known = known | seen if memory else seen
        linked, heard = adjacency(env, step), before if delayed else known
        before = known
        for _ in range(rounds):
            heard = spread(heard, linked)
        if memory:
            before = known = known | heard
        step = env.step((known | heard).int().argmax(2))  # the first value where it is unknown
        total += step.reward.sum(1)
    assert step.terminated.all()
    best = env.best_return(rounds, memory, delayed)
    error = 4 * math.sqrt(best * (1 - best) / COPIES)
    assert float(total.mean()) == pytest.approx(best, abs=error)


def test_no_agent_but_the_source_sees_the_value():
    env = make_env("relay", num_envs=50, topology="random", distance=2, delay=1, shown="first")
    step = env.reset(0)
    assert step.state is not None
    source = step.obs[:, :, 0] > 0
    assert torch.equal(step.obs[:, :, 3:].sum(2), source.float())
    assert torch.equal(step.obs[:, :, 3:].sum(1), step.state)
    step = env.step(torch.zeros(50, 5).long())
    assert not step.obs[:, :, 3:].any() and (step.obs[:, :, 2] == 0.5).all()


def test_trees_are_new_in_each_episode_and_have_all_shapes():
    env = make_env("relay", num_envs=300, num_agents=4, topology="random", distance=1)
    first = adjacency(env, env.reset(0))
    again = adjacency(env, env.step(torch.zeros(300, 4).long()))
    assert torch.equal(first, again), "the last step of an episode has its tree"
    new = adjacency(env, env.step(torch.zeros(300, 4).long()))
    assert not torch.equal(first, new)
    # A tree of four agents is a path or a star; there are 12 and 4 of them.
    degrees = first.sum(2).amax(1)
    assert {2, 3} == set(degrees.tolist())
    assert len({tuple(each.flatten().tolist()) for each in torch.cat([first, new])}) == 16


def test_what_is_not_allowed():
    with pytest.raises(ValueError, match="distance is 3; in a star of 9 agents it is 1 to 2"):
        make_env("relay", num_agents=9, topology="star", distance=3)
    with pytest.raises(ValueError, match="num_agents is 1; there must be at least 2"):
        make_env("relay", num_agents=1)
    with pytest.raises(ValueError, match="values is 1; there must be at least 2"):
        make_env("relay", values=1)
    assert [farthest(name, 6) for name in ("path", "ring", "star", "random")] == [5, 3, 2, 5]
