"""Delayed messages: a network hears agents as they were some steps ago."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.distributions import Categorical, Distribution
from torch_geometric.data import Data

from graphmarl.nn.distributions import CategoricalPolicy, SquashedNormal
from graphmarl.nn.network import Output

HEARD = "heard_"
"""What the names of node features of some steps ago begin with."""
OF_GRAPHS = ("time", "state")
"""Features of whole graphs, which are as many as the rows where each graph has one agent."""


def with_past(graph: Data, num_agents: int) -> Data:
    """A graph of twice as many agents: those of now, and after them those of some steps ago.

    Agents of the past hear each other along the edges of that time, and those of now hear only
    agents of the past. So all that an agent hears in any round was true at that time.

    Args:
        graph: agent graphs with node features that are called `heard_...`.
        num_agents: agents in each graph, N.

    Shapes:
        rows (B*N, ...) become (B*2N, ...), edges (2, E) become (2, 2E).
    """
    rows = graph.num_nodes or 0
    count, wide = rows // num_agents, Data(num_nodes=2 * rows)
    values = graph.to_dict()
    for name, value in values.items():
        if name.startswith(HEARD) or name in ("batch", "ptr", "links", "num_nodes"):
            continue
        if name.endswith("edge_index"):
            past = _past_row(value, num_agents)
            now = torch.stack([past[0], past[1] - num_agents])
            wide[name] = torch.cat([past, now], 1)
        elif name == "edge_attr":
            wide[name] = torch.cat([value, value])
        elif name not in OF_GRAPHS and isinstance(value, Tensor) and len(value) == rows:
            past = values.get(f"{HEARD}{name}", value)
            both = [each.unflatten(0, (count, num_agents)) for each in (value, past)]
            wide[name] = torch.cat(both, 1).flatten(0, 1)
        else:
            wide[name] = value
    device = graph["alive"].device
    wide.batch = torch.arange(count, device=device).repeat_interleave(2 * num_agents)
    wide["agents_of_now"] = num_agents
    wide.ptr = torch.arange(0, 2 * rows + 1, 2 * num_agents, device=device)
    return wide


def _past_row(row: Tensor, num_agents: int) -> Tensor:
    """Row of the past of each agent, in the graph of twice as many."""
    return row + (row // num_agents + 1) * num_agents


def row_of_now(row: Int[Tensor, "*shape"], num_agents: int) -> Int[Tensor, "*shape"]:
    """Row of an agent in the graph, from that of it or its past in the graph of twice as many.

    Args:
        row: rows of the graph of twice as many agents.
        num_agents: agents in each graph, N.
    """
    return row // (2 * num_agents) * num_agents + row % num_agents


def of_now(output: Output, rows: int, edges: int, num_agents: int) -> Output:
    """The outputs of the agents of now.

    Args:
        output: outputs of the graph of twice as many agents.
        rows: rows of the graph.
        edges: edges of the graph.
        num_agents: agents in each graph, N.
    """

    def own(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: own(each) for name, each in value.items()}
        if isinstance(value, Distribution):
            return _distribution(value, own)
        if value is None or len(value) != 2 * rows:
            return value
        return value.unflatten(0, (-1, 2, num_agents))[:, 0].flatten(0, 1)

    parts = {f.name: own(getattr(output, f.name)) for f in fields(Output)}
    for name in ("messages", "attention"):
        value = getattr(output, name)
        parts[name] = None if value is None else value[edges:]
    return Output(**parts)


def _distribution(policy: Distribution, own: Any) -> Distribution:
    """The distributions of the agents of now."""
    if isinstance(policy, Categorical):
        return CategoricalPolicy(logits=own(policy.logits))
    assert isinstance(policy, SquashedNormal), "discrete or squashed"
    return SquashedNormal(own(policy.normal.mean), own(policy.normal.stddev.log()))
