"""Every tensor environment, builder, method and replay stays on its device, without hidden copies.

`pretended` lends a device where there is none: what an accelerator would refuse fails here too. As
it computes on the CPU, everything must also be equal to what the CPU gives.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pretended import DEVICE, Log, MixedDevicesError, Pretended, pretended, to_host
from torch import Tensor
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.data import Collector, RandomEpisodes, Replay, Trajectory
from graphmarl.envs import ENVS, make_env
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import LearnerPolicy
from graphmarl.graphs import GRAPHS, make_graph
from graphmarl.graphs import agents as agents_module
from graphmarl.learners import Learner
from graphmarl.methods import METHODS
from graphmarl.nn import Channel
from graphmarl.ranges import Devices
from graphmarl.resolver import construct, options_of
from graphmarl.step import Environment, Step

CPU = torch.device("cpu")
KNN1 = make_graph("knn:k=1")
SMALL_ENVS: dict[str, dict[str, Any]] = {
    "grid_agreement": {"horizon": 5},
    "relay": {"topology": "random", "distance": 2, "delay": 2},
    "navigation": {"num_agents": 4, "horizon": 7},
    "heterogeneous_navigation": {"num_agents": 4, "horizon": 7},
    "push": {"num_agents": 3, "horizon": 7},
    "prey_predator": {"num_agents": 3, "horizon": 7},
    "traffic": {"task": "grid_2x2", "horizon": 4, "decision": 3, "yellow": 1},
    "skirmish": {"map": "2s3z"},
}
TENSOR_ENVS = [name for name, kind in ENVS.items() if "device" in options_of(kind)]
# Tables of departures are made by the CPU, at the beginning of an episode.
ENV_COPIES = {"environment.py:begin", "departures.py:_update_next", "departures.py:reset"}
TRAINING_COPIES = {"collector.py:_count", "replay.py:add", ":update"}
GATE_COPIES = {"gate.py:step"}


@pytest.fixture(autouse=True)
def named(monkeypatch):
    """The device may be named in options."""
    monkeypatch.setattr(Devices, "_names", staticmethod(lambda: ["cpu", str(DEVICE)]))


def only(counted: Any, allowed: set[str]) -> bool:
    """Whether the names of all functions contain one of those that are allowed."""
    return all(any(part in name for part in allowed) for name in counted)


def on_device(value: Any) -> bool:
    return all(isinstance(x, Pretended) for x in value.values() if isinstance(x, Tensor))


def same(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[name], two[name]) for name in one)
    if not isinstance(one, Tensor):
        return one is two is None or one == two
    return torch.equal(to_host(one).nan_to_num(), to_host(two).nan_to_num())


def test_the_device_refuses_what_an_accelerator_refuses():
    with pretended() as log:
        there = torch.tensor([1.0, 2.0], device=DEVICE)
        assert to_host(there * 2 + torch.tensor(1.0)).tolist() == [3.0, 5.0]
        with pytest.raises(MixedDevicesError, match="add.* shape .2,. on the CPU"):
            _ = there + torch.ones(2)
        with pytest.raises(MixedDevicesError, match="index"):
            _ = there[torch.tensor([0])]
        with pytest.raises(MixedDevicesError, match="a generator of the CPU"):
            torch.rand(2, generator=torch.Generator(), device=DEVICE)
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        assert not log.copies and not log.numbers
        assert there.cpu().tolist() == there.tolist() == [1.0, 2.0]
        assert float(there.sum()) == 3.0 and bool((there > 0).all())
        assert sum(log.copies.values()) == 2 and sum(log.numbers.values()) == 2


def legal(env: Environment, step: Step, time: int) -> Tensor:
    """Legal actions, which depend on the time alone."""
    draw = torch.Generator().manual_seed(time)
    size = (env.num_envs, env.spec.num_agents, env.spec.num_actions)
    noise = torch.rand(size, generator=draw).to(step.alive.device)
    if env.spec.action == "continuous":
        return 2 * noise - 1
    return (noise if step.available is None else noise * step.available).argmax(-1)


def played(env: Environment, steps: int = 14) -> Iterator[Step]:
    step = env.reset(3)
    for time in range(steps):
        yield step
        step = env.step(legal(env, step, time))


PLAYED = ("sensor", "navigation", "skirmish")
PLAYS = [n if n in PLAYED else pytest.param(n, marks=pytest.mark.slow) for n in TENSOR_ENVS]


@pytest.mark.parametrize("name", PLAYS)
@pytest.mark.usefixtures("unchecked")
def test_an_environment_of_tensors_plays_on_its_device_as_on_the_cpu(name):
    options = {"num_envs": 2, **SMALL_ENVS.get(name, {})}
    here = list(played(make_env(name, **options)))
    with pretended() as log:
        env = make_env(name, **options, device=str(DEVICE))
        assert env.device == DEVICE
        there = list(played(env))
        saved = env.state_dict()
        assert on_device(vars(env.load_state_dict(saved)))
    for one, two in zip(here, there, strict=True):
        assert on_device(vars(two)) and on_device(two.info)
        assert same(vars(one), vars(two))
    assert only(log.copies, ENV_COPIES)


def test_engines_are_on_the_cpu_and_say_so():
    for name, kind in ENVS.items():
        assert name in TENSOR_ENVS or kind.device == CPU


def agents_at(time: int) -> Step:
    draw = torch.Generator().manual_seed(time)
    alive = torch.rand(3, 9, generator=draw) < 0.8
    return Step(
        obs=torch.zeros(3, 9, 1),
        alive=alive,
        reward=torch.zeros(3, 9),
        terminated=torch.zeros(3, dtype=torch.bool),
        truncated=torch.zeros(3, dtype=torch.bool),
        time=torch.tensor([time, time + 1, max(0, time - 2)]),
        position=torch.rand(3, 9, 2, generator=draw),
        links=torch.tensor([[0, 1, 10], [2, 0, 14]]),
    )


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize("wraps", [{}, {"shuffle": True, "refresh": 2, "delay": 1, "drop": 0.3}])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_builder_gives_the_same_edges_on_a_device(name, wraps, tree, monkeypatch):
    for limit in ("DENSE_AGENTS", "DENSE_PAIRS"):
        monkeypatch.setattr(agents_module, limit, -1 if tree else 10**9)
    needed = {"r": 0.4} if name == "radius" else {}
    spec = Toy(num_envs=3, num_agents=9).spec
    here, there = (make_graph(name, **needed, **wraps) for _ in range(2))
    for time in range(6):
        expected = here(agent_graph(agents_at(time), spec)).edge_index
        with pretended() as log:
            found = there(agent_graph(agents_at(time).to(DEVICE), spec)).edge_index
        assert isinstance(found, Pretended)
        assert same(expected, found)
        # Large crowds are sent to a tree on the CPU, as the builders say.
        assert only(log.copies, {"_tree"} if tree else set())


SMALL = {"rollout_length": 12, "learning_starts": 20, "batch_size": 16, "buffer_size": 200}
SMALL |= {"gradient_steps": 1, "episodes": 8, "tree": "landmarks", "depth": 1}
SMALL |= {"model_gradient_steps": 1, "policy_gradient_steps": 1, "imagination_horizon": 3}
SMALL |= {"train_interval": 40, "sequence_length": 6, "categoricals": 3, "classes": 4}
# Three learners; the other methods in the slow suite.
FAST = ("ippo", "ndq", "pic")
NAMES = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]


def navigation(device: torch.device) -> Environment:
    return make_env("navigation", num_envs=4, num_agents=4, horizon=8, device=str(device))


def learner_of(name: str, env: Environment, device: torch.device, **more: Any) -> Learner:
    """A small learner, without a trainer."""
    known = options_of(METHODS[name])
    options: dict[str, Any] = {key: value for key, value in SMALL.items() if key in known} | more
    if "categoricals" in known:
        options |= {"hidden": 16, "recurrent": 8, "epochs": 1}
    if "tree" in options:
        options["tree"] = next(iter(env.spec.layout))
    torch.manual_seed(0)
    learner: Any = construct("method", name, METHODS[name], options, env.spec)
    learner.to(device)
    made = learner.configure_optimizers()
    learner.optimizers = lambda: made
    learner.manual_backward = lambda loss: loss.backward()
    return learner


def trained(name: str, device: torch.device) -> tuple[Learner, Trajectory]:
    """A learner after some updates, and its last trajectory."""
    env = navigation(device)
    learner = learner_of(name, env, device)
    collector = Collector(env, make_graph("knn:k=2"), learner, 10**6, learner.rollout_length, 0)
    torch.manual_seed(1)
    playing = iter(collector)
    for _ in range(4):
        learner.update(next(playing))
    last = next(playing)
    learner.update(last)
    assert learner.updated_last
    return learner, last


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("unchecked")
def test_a_method_trains_on_a_device_as_on_the_cpu(name):
    here, _ = trained(name, CPU)
    with pretended() as log:
        there, trajectory = trained(name, DEVICE)
        assert on_device(vars(trajectory)) and on_device(vars(trajectory.edges))
    # Only numbers for the table leave the device, once for a trajectory.
    assert only(log.copies, TRAINING_COPIES)
    assert sum(log.copies.values()) <= 6 * 5
    one, two = here.state_dict(), there.state_dict()
    assert one.keys() == two.keys()
    for key, value in one.items():
        torch.testing.assert_close(to_host(two[key]), value, atol=1e-5, rtol=1e-4, msg=key)


@pytest.mark.parametrize("name", ["nvif_ppo", "mamba_small", "tarmac", "iql"])
@pytest.mark.usefixtures("unchecked")
def test_an_evaluation_stays_on_its_device(name):
    def evaluated(device: torch.device) -> Any:
        env = navigation(device)
        learner = learner_of(name, env, device).eval()
        with Channel(learner.network, 4) as channel:
            policy = LearnerPolicy(env, learner, "knn:k=2", greedy=True)
            return play(env, policy, 5, channel if channel.layers else None)

    here = evaluated(CPU)
    with pretended() as log:
        there = evaluated(DEVICE)
    assert only(log.copies, {"evaluate.py"})
    assert here.returns == pytest.approx(there.returns)
    assert here.lengths == there.lengths and here.sent.keys() == there.sent.keys()


@pytest.mark.usefixtures("unchecked")
def test_stages_are_trained_on_a_device():
    with pretended() as log:
        env = navigation(DEVICE)
        learner = learner_of("nvif_ppo", env, CPU, likelihood="gaussian")
        for stage in learner.stages():
            data = RandomEpisodes(env, make_graph("knn:k=2"), 4)
            data.setup("fit")
            stage.start(data.trajectories)
            stage.to(DEVICE)
            log.copies.clear()
            loss, _ = stage.loss(data.trajectories[0].to(DEVICE))
            loss.backward()
            # Edges are split by step, once for a loss.
            assert sum(log.copies.values()) <= 1 and only(log.copies, {"nvif_stages.py:unroll"})
            stage.to("cpu")


class Greedy:
    """Acts by what it sees; its device is given to it later, as Lightning does."""

    memory_size = 2
    device = CPU

    def act(self, graph, memory):
        action = (graph.x[:, 0] + memory[:, 0]).long() % 2
        return action, {"value": memory[:, 0] + 1}, memory + 1

    def last_value(self, graph, memory):
        return memory[:, 0]


@pytest.mark.usefixtures("unchecked")
def test_an_engine_on_the_cpu_is_crossed_at_the_gate_alone():
    policy = Greedy()
    here = list(Collector(Toy(), make_graph("knn:k=1"), policy, 60, 10, 3))
    policy.device = DEVICE
    with pretended() as log:
        there = list(Collector(Toy(), make_graph("knn:k=1"), policy, 60, 10, 3))
    assert only(log.copies, GATE_COPIES | {"collector.py:_count"})
    assert len(here) == len(there)
    for one, two in zip(here, there, strict=True):
        assert on_device(vars(two)) and on_device(vars(two.edges)) and on_device(two.stored)
        assert same(vars(one.edges), vars(two.edges)) and same(one.stored, two.stored)
        assert same({**vars(one), "edges": 0}, {**vars(two), "edges": 0})


@pytest.mark.parametrize("device", [CPU, DEVICE])
@pytest.mark.usefixtures("unchecked")
def test_a_collector_goes_on_where_its_policy_is_moved_after_loading(device):
    def collector(policy: Greedy) -> Collector:
        graph = make_graph("knn:k=1,refresh=3,delay=1,shuffle=yes")
        return Collector(Toy(), graph, policy, 10**6, 7, 3)

    policy = Greedy()
    whole = collector(policy)
    playing = iter(whole)
    next(playing)
    state = whole.state_dict()
    expected = [next(playing) for _ in range(2)]
    with pretended() as log:
        other = Greedy()
        again = collector(other)
        again.load_state_dict(state)
        other.device = device
        found = [each for _, each in zip(range(2), again, strict=False)]
    for one, two in zip(expected, found, strict=True):
        assert two.alive.device == device
        assert same({**vars(one), "edges": 0}, {**vars(two), "edges": 0})
        assert same(vars(one.edges), vars(two.edges))
    assert only(log.copies, GATE_COPIES | {"collector.py:_count"})


@pytest.mark.parametrize("attr", [False, True])
@pytest.mark.usefixtures("unchecked")
def test_a_replay_is_on_the_device_of_its_trajectories_and_moves_after_loading(attr):
    parts = [
        each
        for _, each in zip(range(4), Collector(Toy(), KNN1, Greedy(), 10**6, 7, 3), strict=False)
    ]
    for each in parts if attr else ():
        each.edges.attr = torch.rand(each.edges.index.shape[1], 2)
    here, saved = Replay(60), Replay(60)
    for each in parts[:3]:
        here.add(each)
        saved.add(each)
    here.add(parts[3])
    with pretended() as log:
        there = Replay(60)
        there.load_state_dict(saved.state_dict())
        there.add(parts[3].to(DEVICE))
        log.copies.clear()
        for draw, count in (("transitions", 30), ("whole_episodes", 5), ("sequences", 9)):
            more = {"length": 5} if draw == "sequences" else {}
            torch.manual_seed(2)
            one = getattr(here, draw)(count, **more)
            torch.manual_seed(2)
            two = getattr(there, draw)(count, **more)
            assert on_device(vars(two)) and on_device(vars(two.edges)) and on_device(two.stored)
            assert same(vars(one.edges), vars(two.edges)) and same(one.stored, two.stored)
            assert same({**vars(one), "edges": 0}, {**vars(two), "edges": 0})
        # Not a draw waits for the device.
        assert not log.copies and not log.numbers


def counts(log: Log) -> int:
    return sum(log.numbers.values())


@pytest.mark.usefixtures("unchecked")
def test_a_step_waits_for_the_device_a_few_times_only():
    def waits(length: int) -> int:
        with pretended() as log:
            env = navigation(DEVICE)
            learner = learner_of("ippo", env, DEVICE)
            collector = Collector(env, make_graph("knn:k=2"), learner, 10**6, length, 0)
            next(iter(collector))
            return counts(log)

    # The environment and its gate 4, the builder 3, the runner 1; a first episode draws places.
    assert (waits(8) - waits(2)) / 6 <= 8
