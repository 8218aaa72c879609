"""Delayed graphs: what every method hears equals what was true n steps ago, and only that."""

from typing import Any

import pytest
import torch
from torch_geometric.data import Data
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.data import Collector, PolicyRunner
from graphmarl.experiment.config import Config
from graphmarl.graphs import make_graph
from graphmarl.methods import METHODS
from graphmarl.nn import Channel
from graphmarl.resolver import construct

ENV = Toy(num_envs=2, num_agents=4)
ROWS = 8
OPTIONS: dict[str, dict[str, Any]] = {"flatland_winner": {"tree": "view", "depth": 1}}
OPTIONS["ndq"] = {"test_noise": False}


def build(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    return construct(
        "method", name, METHODS[name], OPTIONS.get(name, {}) | options, ENV.spec
    ).eval()


def plain(name: str) -> bool:
    network = build(name).network
    return bool(network.rounds) and not network.memory_size


WITH_MEMORY = ("mamba", "mamba_small", "nvif_ppo", "nvif_dqn", "neurcomm")
HEARING = [name for name in METHODS if name not in WITH_MEMORY and plain(name)]
every_method = pytest.mark.parametrize("name", HEARING)


def step_of(seed: int) -> Any:
    """A random state; the same time for every seed."""
    env = Toy(num_envs=2, num_agents=4)
    step = env.reset(seed)
    last = torch.randint(2, (2, 4), generator=torch.Generator().manual_seed(seed))
    return agent_graph(step, env.spec, last)


def played(network: Any, states: list[Any], graph: str) -> torch.Tensor:
    """Numbers of all agents in the last of some states."""
    builder, built = make_graph(graph), Data()
    for time, state in enumerate(states):
        state = state.clone()
        state.time = torch.full((2,), time)
        built = builder(state)
        built.previous_edge_index = built.edge_index
    with torch.inference_mode():
        output = network(built, torch.zeros(ROWS, 0))[0]
    return output.q if output.q is not None else output.distribution.logits


def test_methods_of_every_kind_are_tried():
    heard = {"commnet", "dgn", "vpp", "mfq", "tarmac", "g2anet", "ndq", "tarmac_qmix"}
    assert heard <= set(HEARING)


@every_method
@pytest.mark.parametrize("delay", [1, 2])
def test_an_agent_depends_on_others_as_they_were_n_steps_ago_only(name, delay):
    network = build(name).network
    states = [step_of(seed) for seed in range(4)]
    graph = f"complete:delay={delay}"
    before = played(network, states, graph)
    # Agent 0 of the first copy was something else at each time.
    changes = []
    for time in range(4):
        others = [state.clone() for state in states]
        others[time].x[0] = 1 - 2 * others[time].x[0]
        others[time].last_action[0] = 1 - others[time].last_action[0]
        changes.append((played(network, others, graph) - before).abs().amax(1) > 1e-6)
    for time, changed in enumerate(changes):
        heard = changed[1:4].any()
        assert heard == (time == 3 - delay), "others hear it as it was then"
        assert not changed[4:].any(), "the other copy does not"
    assert changes[3][0], "it sees itself as it is"


@every_method
def test_in_a_state_that_does_not_change_a_delay_changes_nothing(name):
    network, same = build(name).network, [step_of(3)] * 3
    assert torch.allclose(
        played(network, same, "complete:delay=2"), played(network, same, "complete"), atol=1e-6
    )


@every_method
def test_before_n_steps_nobody_is_heard(name):
    network, states = build(name).network, [step_of(seed) for seed in range(2)]
    assert torch.allclose(
        played(network, states, "complete:delay=2"), played(network, states, "none"), atol=1e-6
    )


@every_method
def test_an_agent_that_is_alone_is_as_without_a_delay(name):
    env = Toy(num_envs=3, num_agents=1)
    options = OPTIONS.get(name, {})
    network: Any = construct("method", name, METHODS[name], options, env.spec).eval().network
    numbers = []
    for graph in ("complete", "complete:delay=1"):
        built = make_graph(graph)(agent_graph(env.reset(0), env.spec, torch.zeros(3, 1).long()))
        built["previous_edge_index"] = built["edge_index"]
        with torch.inference_mode():
            output = network(built, torch.zeros(3, 0))[0]
        numbers.append(output.q if output.q is not None else output.distribution.logits)
    assert torch.allclose(*numbers, atol=1e-5) and len(numbers[0]) == 3


def test_training_hears_what_acting_heard():
    """The first update of PPO is on the policy that acted: its divergence is zero."""
    learner = build("commnet", rollout_length=12, minibatch_size=10**6, epochs=1)
    env = Toy(num_envs=2, num_agents=4)
    collector = Collector(env, make_graph("knn:k=2,delay=1"), learner, 10**6, 12, 0)
    trajectory = next(iter(collector))
    assert "heard_x" in trajectory.stored
    log_prob, *_ = learner.evaluate(trajectory, torch.arange(24))
    assert torch.allclose(log_prob, trajectory.stored["log_prob"].flatten(), atol=1e-6)
    # Without what was heard it is another policy.
    del trajectory.stored["heard_x"]
    log_prob, *_ = learner.evaluate(trajectory, torch.arange(24))
    assert not torch.allclose(log_prob, trajectory.stored["log_prob"].flatten(), atol=1e-5)


def test_messages_are_counted_once():
    learner = build("commnet")
    runner = PolicyRunner(ENV.spec, 2, learner, make_graph("complete:delay=1"))
    env = Toy(num_envs=2, num_agents=4)
    step = env.reset(0)
    with torch.inference_mode(), Channel(learner.network, 4) as channel:
        for expected in (0.0, 12.0):
            runner.observe(step)
            action, _ = runner.act()
            rounds = learner.network.rounds
            assert channel.take(2)["messages"].tolist() == [expected * rounds] * 2
            step = env.step(action)


@pytest.mark.parametrize(
    ("method", "message"),
    [("neurcomm", "neurcomm has a memory"), ("nvif_ppo", "nvif_ppo has a memory")],
)
def test_methods_with_a_memory_are_refused(method, message):
    config = {
        "method": method,
        "env": "toy:Toy",
        "graph": "complete:delay=1",
        "steps": 1,
        "seed": 0,
    }
    with pytest.raises(ValueError, match=message):
        Config(config | {"steps": 1, "seed": 0}).learner(ENV.spec)
