"""Sequences at once against a loop over their steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.graphs import make_graph
from graphmarl.methods import METHODS
from graphmarl.nn import AgentNetwork
from graphmarl.nn.unrolling import gru_over_time, packed_episodes, split_steps
from graphmarl.resolver import construct

STEPS, COPIES, AGENTS = 7, 4, 3


@pytest.mark.parametrize("episodes", ["none", "some", "all"])
def test_a_gru_over_time_is_its_cell_step_by_step(episodes):
    torch.manual_seed(0)
    begins = torch.rand(STEPS, 5) < {"none": 0.0, "some": 0.3, "all": 1.0}[episodes]
    cell, x = nn.GRUCell(4, 6), torch.randn(STEPS, 5, 4)
    first = torch.randn(5, 6, requires_grad=True)
    memory, each = first, []
    for t in range(STEPS):
        memory = cell(x[t], memory.masked_fill(begins[t][:, None], 0))
        each.append(memory)
    found, weight = gru_over_time(cell, x, first, begins), torch.randn(STEPS, 5, 6)
    assert torch.allclose(found, torch.stack(each), atol=1e-6)
    inputs = [first, *cell.parameters()]
    one, two = (
        torch.autograd.grad((each * weight).sum(), inputs) for each in (found, torch.stack(each))
    )
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one, two, strict=True))


def test_episodes_are_packed_the_longest_first():
    # Row 0 has episodes of 1 and 2 steps, row 1 one of 3.
    begins = torch.tensor([[True, False], [True, False], [False, False]])
    sizes, entry, first = packed_episodes(begins)
    assert sizes.tolist() == [3, 2, 1]
    assert first.tolist() == [1, 2, 0]
    assert entry.tolist() == [1, 2, 0, 3, 4, 5]


def sequences(graph: str) -> Data:
    """Graphs of random steps, in which new episodes begin."""
    torch.manual_seed(0)
    env = Toy(num_envs=STEPS * COPIES, num_agents=AGENTS)
    step = env.reset(0)
    step.time = torch.randint(0, 3, (STEPS * COPIES,))
    step.obs = torch.randn_like(step.obs)
    action = torch.randint(0, 3, (STEPS * COPIES, AGENTS))
    return make_graph(graph)(agent_graph(step, env.spec, action))


@pytest.mark.parametrize("graph", ["complete", "random:k=1"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ippo", {}),
        ("commnet", {}),
        ("g2anet", {}),
        ("tarmac", {"rounds": 2}),
        ("iql", {"last_action": True, "agent_id": True}),
        ("ndq", {"test_noise": False}),
        ("ndq", {"test_noise": False, "messages_from": "input", "own_messages": True}),
        ("tarmac_qmix", {"messages_from": "input"}),
        ("mfq", {}),
        ("coma", {"communication": "commnet"}),
    ],
)
def test_sequences_at_once_are_the_steps_one_after_the_other(name, options, graph):
    spec = Toy(num_agents=AGENTS).spec
    given = {"recurrent": True, **options}
    network: Any = construct("method", name, METHODS[name], given, spec).eval().network
    whole, memory = sequences(graph), torch.randn(COPIES * AGENTS, network.memory_size)
    one = network.unroll(whole, memory, STEPS)
    two = AgentNetwork.unroll(network, whole, memory, STEPS)
    for field in ("q", "value", "features", "latent", "messages", "attention"):
        a, b = getattr(one, field), getattr(two, field)
        assert (a is None) == (b is None), field
        assert a is None or torch.allclose(a, b, atol=1e-5), field
    policies: list[Any] = [one.distribution, two.distribution]
    assert (policies[0] is None) == (policies[1] is None)
    if policies[0] is not None:
        assert torch.allclose(*(policy.logits for policy in policies), atol=1e-5)
    for extra in two.extra:
        assert torch.allclose(one.extra[extra], two.extra[extra], atol=1e-5)


def test_messages_from_the_input_do_not_depend_on_the_memory():
    spec, whole = Toy(num_agents=AGENTS).spec, sequences("complete")
    step = split_steps(whole, STEPS)[0]
    for source, depends in (("memory", True), ("input", False)):
        options = {"recurrent": True, "messages_from": source}
        network: Any = construct("method", "ndq", METHODS["ndq"], options, spec).eval().network
        means = [
            network(step, torch.full((COPIES * AGENTS, network.memory_size), value))[0].messages
            for value in (0.0, 1.0)
        ]
        assert torch.equal(*means) != depends


@pytest.mark.parametrize(("name", "options"), [("ndq", {}), ("iql", {"recurrent": True})])
def test_messages_from_the_input_need_a_memory_and_messages(name, options):
    with pytest.raises(ValueError, match="it needs recurrent agents that communicate"):
        construct("method", name, METHODS[name], options | {"messages_from": "input"}, Toy().spec)
