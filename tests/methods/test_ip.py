"""IP: which agents its sums tell apart."""

from typing import Any

import torch

from graphmarl.agent_graph import agent_graph
from graphmarl.envs import Sensor
from graphmarl.graphs import make_graph
from graphmarl.methods import IP, VPP
from graphmarl.nn.policy import parameters_of


def policies(method: Any, graph: str) -> torch.Tensor:
    """Policies of the three sensors of two copies."""
    torch.manual_seed(0)
    env = Sensor(num_envs=2)
    seen = make_graph(graph)(agent_graph(env.reset(0), env.spec))
    output, _ = method(env.spec).network(seen, torch.zeros(6, 0))
    assert output.distribution is not None
    return parameters_of(output.distribution).detach().view(2, 3, -1)


def spread(policy: torch.Tensor) -> float:
    return float((policy - policy[:, :1]).abs().max())


def test_agents_with_the_same_neighbourhood_have_the_same_policy():
    # An agent is in the sums of its own neighbourhood as a neighbour is.
    assert spread(policies(IP, "complete")) < 1e-7
    assert spread(policies(IP, "radius:r=2")) > 1e-4
    assert spread(policies(IP, "none")) > 1e-4
    # Attention of VPP has queries of an agent's own state.
    assert spread(policies(VPP, "complete")) > 1e-4
