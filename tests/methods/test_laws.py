"""Laws that every method obeys; a new one joins by being in METHODS."""

from typing import Any

import pytest
import torch
from torch_geometric.data import Data
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.data import Collector
from graphmarl.graphs import GRAPHS, make_graph
from graphmarl.learners import Learner
from graphmarl.methods import METHODS
from graphmarl.nn import AttentionConv, Channel, Cut, GatedConv
from graphmarl.nn.policy import parameters_of
from graphmarl.resolver import construct, hints_of, options_of

RING = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
# A world model of the size of a toy, that learns in every trajectory.
WORLD = {
    "hidden": 16,
    "recurrent": 8,
    "categoricals": 3,
    "classes": 4,
    "layers": 2,
    "train_interval": 12,
}
WORLD |= {
    "model_gradient_steps": 1,
    "policy_gradient_steps": 1,
    "epochs": 1,
    "sequence_length": 6,
    "imagination_horizon": 3,
}
# Forms with continuous actions.
CONTINUOUS = {
    "ippo-squashed": ("ippo", {"std": "state"}),
    "commnet-beta": ("commnet", {"policy": "beta"}),
    "mamba-continuous": ("mamba", WORLD),
}
# Forms of a method that have laws of their own, by what they are called here.
FORMS = {name: (name, {}) for name in METHODS} | {
    "ndq-mean": ("ndq", {"receiver": "mean"}),
    "dgn-temporal": ("dgn", {"temporal": 0.1}),
    "vpp-bethe": ("vpp", {"approximation": "bethe", "damping": 0.1, "gradient": "exact"}),
    "ip-bethe": ("ip", {"approximation": "bethe", "reweight": 0.7, "target_entropy": 0.5}),
    "vpp-bare": (
        "vpp",
        {"attend_self": False, "scaled": False, "own_state": True, "state_aggregator": "mean"},
    ),
    "tarmac-rounds": ("tarmac", {"rounds": 2}),
    "mamba-layers": (
        "mamba",
        {**WORLD, "masked_training": True, "positional": False, "hops": "layer"},
    ),
    "neurcomm-own": ("neurcomm", {"shared": False}),
    "mamba": ("mamba", WORLD),
    "mamba_small": ("mamba_small", WORLD),
    "mamba-masked": ("mamba", {**WORLD, "masked_training": True, "positional": False}),
}
FORMS |= CONTINUOUS
RECURRENT = [
    name
    for name, (method, _) in FORMS.items()
    if hints_of(METHODS[method]).get("recurrent") is bool
]
# Small enough for a few steps of a toy, and without noise where laws are about what is said.
SMALL = {"rollout_length": 8, "learning_starts": 8, "batch_size": 4, "test_noise": False}
# The toy's view as a tree of two nodes.
SMALL |= {"tree": "view", "depth": 1}
UNCHECKED = pytest.mark.usefixtures("unchecked")


def every_method(test: Any) -> Any:
    """Each form; shapes are checked where each method is updated."""
    return UNCHECKED(pytest.mark.parametrize("name", FORMS)(test))


def make(name: str, num_agents: int = 5, seed: int = 1, **options) -> tuple[Learner, Toy]:
    action = "continuous" if name in CONTINUOUS else "discrete"
    env = Toy(num_envs=2, num_agents=num_agents, action=action)
    torch.manual_seed(seed)
    method, form = FORMS[name]
    known = options_of(METHODS[method])
    small = {option: value for option, value in SMALL.items() if option in known}
    learner = construct("method", method, METHODS[method], {**small, **form, **options}, env.spec)
    for stage in learner.stages():
        stage.requires_grad_(False)
    return learner.eval(), env


def takes_any_number(learner: Learner) -> None:
    if learner.network.num_agents:
        pytest.skip("this form depends on the agent index, as documented")


def line_of(env: Toy, seed: int = 0) -> Data:
    """Both copies of the game with its agents in a line, each receiving from the next."""
    last_action = torch.tensor([[0, 1, 2, 1, 0], [2, 2, 1, 0, 1]])
    graph = agent_graph(env.reset(seed), env.spec, as_action(last_action, env))
    graph["time"] += 1
    graph.edge_index = torch.cat([RING, RING + 5], 1)
    return graph


def as_action(number: torch.Tensor, env: Toy) -> torch.Tensor:
    """Actions from numbers, of either kind."""
    if env.spec.action == "discrete":
        return number
    return torch.stack([number / 2 - 0.5, 0.5 - number / 4], -1)


def other_action(action: torch.Tensor) -> torch.Tensor:
    """Other actions than these, of either kind."""
    return -action if action.is_floating_point() else (action + 1) % 3


def rows_of(graph: Data) -> list[str]:
    """Names of what a graph holds of each agent."""
    names = ("x", "pos", "alive", "kind", "available", "last_action")
    return [name for name in names if name in graph]


def outputs(learner: Learner, graph: Data) -> dict[str, torch.Tensor]:
    memory = torch.linspace(-1, 1, learner.memory_size).repeat(graph.num_nodes or 0, 1)
    output, memory = learner.network(graph, memory)
    found = {"memory": memory}
    if output.distribution is not None:
        found["policy"] = parameters_of(output.distribution)
    for field in ("value", "q", "latent", "features"):
        if getattr(output, field) is not None:
            found[field] = getattr(output, field)
    return found


@every_method
def test_renumbering_agents_renumbers_the_output(name):
    learner, env = make(name)
    takes_any_number(learner)
    if learner.network.ordered:
        pytest.skip("this form depends on the agent index, as documented")
    graph = line_of(env)
    order = torch.tensor([3, 0, 4, 1, 2, 8, 9, 5, 7, 6])
    place = torch.argsort(order)
    renumbered = graph.clone()
    for key in rows_of(graph):
        renumbered[key] = graph[key][order]
    assert graph.edge_index is not None
    renumbered.edge_index = place[graph.edge_index]
    before, after = outputs(learner, graph), outputs(learner, renumbered)
    for key, value in before.items():
        assert torch.allclose(after[key], value[order], atol=1e-5), key


@every_method
def test_a_batch_of_graphs_equals_each_graph_alone(name):
    learner, env = make(name)
    both = outputs(learner, line_of(env))
    for b in range(2):
        graph = line_of(env)
        alone = Data(edge_index=RING, num_nodes=5)
        for key in rows_of(graph):
            alone[key] = graph[key][b * 5 : b * 5 + 5]
        for key in ("state", "time"):
            alone[key] = graph[key][b : b + 1]
        for key, value in outputs(learner, alone).items():
            assert torch.allclose(both[key][b * 5 : b * 5 + 5], value, atol=1e-5), key


@every_method
def test_a_dead_agent_changes_nothing_for_live_agents_and_gets_no_gradient(name):
    learner, env = make(name)
    graph = line_of(env)
    graph.alive[2] = False
    graph = make_graph("complete")(graph)
    changed = graph.clone()
    assert changed.x is not None
    changed.x[2] = 7.0
    before, after = outputs(learner, graph), outputs(learner, changed)
    for key, value in before.items():
        assert torch.equal(value[graph.alive], after[key][graph.alive]), key
    graph.x.requires_grad_()
    found = outputs(learner, graph)
    live = found["policy" if "policy" in found else "q"][graph.alive].sum()
    (gradient,) = torch.autograd.grad(live, graph.x)
    assert gradient[2].abs().sum() == 0


@every_method
def test_no_information_crosses_a_missing_edge(name):
    learner, env = make(name)
    graph = line_of(env)
    rounds = learner.network.rounds

    def read_by_the_first(x):
        moved = graph.clone()
        moved.x = x
        return torch.cat([v[0].flatten() for v in outputs_with_gradient(learner, moved)])

    jacobian = torch.autograd.functional.jacobian(read_by_the_first, graph.x)
    received = (jacobian.abs().sum((0, 2)) > 0).tolist()  # type: ignore[union-attr]
    assert not any(received[rounds + 1 :]), "observations go further than the rounds of messages"
    before = read_by_the_first(graph.x)
    for agent in range(10):
        moved = graph.clone()
        assert moved.x is not None
        moved.x[agent] += 0.3
        moved.last_action[agent] = other_action(moved.last_action[agent])
        after = torch.cat([v[0].flatten() for v in outputs(learner, moved).values()])
        # An agent may send its last action without its observation (MFQ).
        assert (agent <= rounds) == (not torch.equal(before, after)), agent


class Deaf(Cut):
    """Cuts all messages to the first agent of the line."""

    def __call__(self, importance: torch.Tensor, graph: torch.Tensor) -> torch.Tensor:
        cut_edges = torch.cat([RING[1] == 0, torch.zeros(8, dtype=torch.bool)])
        return ~cut_edges[:, None].expand(importance.shape)


@every_method
def test_no_information_crosses_a_cut_message(name):
    learner, env = make(name)
    channel = Channel(learner.network, 5, Deaf())
    if not channel.layers:
        pytest.skip("this form sends no messages")
    for layer in channel.layers:
        if isinstance(layer, (AttentionConv, GatedConv)):
            # Shares are not renormalised: that somebody is attended to is known to the receiver.
            torch.nn.init.zeros_(layer.signature.weight)
    graph, moved = line_of(env), line_of(env)
    moved.x = graph["x"] + 0.3
    moved.last_action = other_action(graph.last_action)
    for field in ("x", "last_action"):
        moved[field][0] = graph[field][0]
    received = outputs(learner, graph), outputs(learner, moved)
    with channel:
        cut = outputs(learner, graph), outputs(learner, moved)
    read = "q" if "q" in received[0] else "policy"
    assert not torch.equal(received[0][read][0], received[1][read][0])
    assert not torch.equal(received[0][read][0], cut[0][read][0])
    for key, value in cut[0].items():
        assert torch.equal(value[0], cut[1][key][0]), key


def outputs_with_gradient(learner: Learner, graph: Data) -> list[torch.Tensor]:
    """Frozen parts run without gradient when they act; here it is wanted."""
    no_grad, torch.no_grad = torch.no_grad, torch.enable_grad  # type: ignore[assignment]
    try:
        return list(outputs(learner, graph).values())
    finally:
        torch.no_grad = no_grad


@every_method
def test_one_agent_acts_alike_on_every_graph(name):
    learner, env = make(name, 1)
    step = env.reset(0).replace(links=torch.empty(2, 0, dtype=torch.long))
    agents = agent_graph(step, env.spec, as_action(torch.ones_like(step.alive).long(), env))
    required = {"radius": {"r": 0.5}, "random": {"k": 2}}
    alone = outputs(learner, make_graph("none")(agents))
    for graph in GRAPHS:
        found = outputs(learner, make_graph(graph, **required.get(graph, {}))(agents))
        assert all(torch.equal(value, found[key]) for key, value in alone.items()), graph


def play(learner: Learner, env: Toy) -> Collector:
    return Collector(env, make_graph("knn:k=2"), learner, 64, learner.rollout_length, seed=4)


CASES = [(name, {}) for name in FORMS] + [(name, {"recurrent": True}) for name in RECURRENT]
# In the fast suite each method once.
every_case = pytest.mark.parametrize(
    ("name", "options"),
    [
        (name, options)
        if name in METHODS and not options
        else pytest.param(name, options, marks=pytest.mark.slow)
        for name, options in CASES
    ],
)


class Updates:
    """Lets a learner update itself without a trainer."""

    def __init__(self, learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
        optimizer = learner.configure_optimizers()
        monkeypatch.setattr(learner, "optimizers", lambda: optimizer)
        monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())


@every_case
def test_two_updates_are_finite_and_reach_every_trained_parameter(name, options, monkeypatch):
    learner, env = make(name, **options)
    learner.train()
    Updates(learner, monkeypatch)
    before = {key: value.clone() for key, value in learner.state_dict().items()}
    metrics: dict[str, float] = {}
    for number, trajectory in enumerate(play(learner, env)):
        metrics = learner.update(trajectory)
        if number == 1:
            break
    assert all(value == value and abs(value) < 1e6 for value in metrics.values()), metrics
    for key, parameter in learner.named_parameters():
        if key.startswith("targets."):
            continue
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert not torch.equal(parameter, before[key]), key
        else:
            assert torch.equal(parameter, before[key]), key


@pytest.mark.usefixtures("unchecked")
@every_case
def test_what_no_loss_may_count_changes_no_update(name, options, monkeypatch):
    after = []
    for noise in (0.0, 1.0):
        learner, env = make(name, **options)
        Updates(learner, monkeypatch)
        (trajectory, *_) = play(learner, env)
        hidden = ~trajectory.acted
        assert hidden.any(), "the game has seams and deaths"
        trajectory.reward[hidden] += noise
        if "log_prob" in trajectory.stored:
            trajectory.stored["log_prob"][hidden] += noise
        trajectory.obs[~trajectory.alive] += noise
        torch.manual_seed(0)
        learner.update(trajectory)
        after.append(learner.state_dict())
    for key, value in after[0].items():
        assert torch.equal(value, after[1][key]), key


@every_method
def test_the_same_weights_run_with_another_number_of_agents(name):
    small, _ = make(name, 5)
    takes_any_number(small)
    large, env = make(name, 8)
    if getattr(small.network, "state_size", 0):
        pytest.skip("the state of this game grows with its agents")
    large.network.load_state_dict(small.network.state_dict())
    last_action = as_action(torch.ones(2, 8, dtype=torch.long), env)
    assert outputs(large, make_graph("knn:k=2")(agent_graph(env.reset(0), env.spec, last_action)))


@every_method
def test_weights_come_back_from_a_file(name, tmp_path):
    learner, env = make(name)
    torch.save(learner.state_dict(), tmp_path / "weights")
    other, _ = make(name, seed=99)
    assert not all(
        torch.equal(value, other.state_dict()[key]) for key, value in learner.state_dict().items()
    )
    other.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    before, after = outputs(learner, line_of(env)), outputs(other, line_of(env))
    assert all(torch.equal(value, after[key]) for key, value in before.items())
