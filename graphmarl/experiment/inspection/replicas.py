"""Replicas of agent graphs, in each of which one edge is removed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges
from graphmarl.nn import Channel, LayerMessages

EDGES = ("edge_index", "previous_edge_index", "links")


def replicate(graph: Data, copies: Int[Tensor, " pick"], num_agents: int) -> Data:
    """The graphs of some environment copies, each as often as it is named, as one batch.

    Args:
        graph: a batch of agent graphs.
        copies: numbers of the copies.
        num_agents: rows per graph, N.
    """
    rows = rows_of(copies, num_agents)
    total, num_graphs = graph.num_nodes or 0, (graph.num_nodes or 0) // num_agents
    replica = Data(num_nodes=len(rows))
    for name, value in graph.to_dict().items():
        if name in EDGES:
            attr = graph.edge_attr if name == "edge_index" else None
            edges = Edges.of(Data(edge_index=value, edge_attr=attr, num_nodes=total), num_agents)
            replica[name], attr = edges.select(copies)
            if attr is not None:
                replica.edge_attr = attr
        elif isinstance(value, Tensor) and name not in ("batch", "ptr", "edge_attr"):
            if len(value) not in (total, num_graphs):
                raise ValueError(f"{name} of the graph has {len(value)} rows; allowed are {total}")
            replica[name] = value[rows if len(value) == total else copies]
    graphs = torch.arange(len(copies), device=rows.device)
    replica.batch = graphs.repeat_interleave(num_agents)
    replica.ptr = torch.arange(0, len(rows) + 1, num_agents, device=rows.device)
    return replica


def rows_of(copies: Int[Tensor, " pick"], num_agents: int) -> Int[Tensor, " row"]:
    """Rows of the agents of some copies.

    Args:
        copies: numbers of the copies.
        num_agents: rows per graph, N.
    """
    agents = torch.arange(num_agents, device=copies.device)
    return (copies[:, None] * num_agents + agents).flatten()


def remove(graph: Data, removed: Bool[Tensor, "graph receiver sender"]) -> Data:
    """The graph without some edges, also among those of the previous step.

    Args:
        graph: a batch of agent graphs.
        removed: the pairs of agents whose edge is removed.
    """
    num_agents, changed = removed.shape[1], graph.clone()
    for name in EDGES:
        if name in graph:
            sender, receiver = graph[name]
            gone = removed[receiver // num_agents, receiver % num_agents, sender % num_agents]
            changed[name] = graph[name][:, ~gone]
            if name == "edge_index" and graph.edge_attr is not None:
                changed.edge_attr = graph.edge_attr[~gone]
    return changed


def edge_keys(edge_index: Int[Tensor, "2 edge"], num_agents: int) -> Int[Tensor, " edge"]:
    """A number for each edge of a batch, which no other pair of rows of a graph has.

    Args:
        edge_index: senders and receivers.
        num_agents: rows per graph, N.
    """
    return edge_index[1] * num_agents + edge_index[0] % num_agents


class ReplayedChannel(Channel):
    """Sends in replicas of a step those bits that were sent when the step was recorded.

    Args:
        network: the network.
        num_agents: rows per graph, N.
        messages: the recorded messages.
        copies: the environment copy of each replica.
    """

    def __init__(
        self,
        network: nn.Module,
        num_agents: int,
        messages: Sequence[LayerMessages],
        copies: Int[Tensor, " pick"],
    ) -> None:
        super().__init__(network, num_agents)
        self.copies = copies
        self.recorded = {(each.layer, each.round): each for each in messages}

    def _kept(
        self, layer: nn.Module, message: Tensor, arguments: dict[str, Tensor], between: Tensor
    ) -> Tensor:
        """Mask of the numbers that were sent along the same edges."""
        keep = super()._kept(layer, message, arguments, between).clone()
        name = self.names[layer]
        sent = self.recorded[name, sum(each.layer == name for each in self.messages)]
        sender, receiver = self._edges[layer][:, between]
        size = self.num_agents
        row = self.copies[receiver // size] * size + receiver % size
        key, order = edge_keys(sent.edge_index, size).sort()
        wanted = edge_keys(torch.stack([sender, row]), size)
        place = torch.searchsorted(key, wanted).clamp(max=max(len(key) - 1, 0))
        found = (key[place] == wanted) if len(key) else torch.zeros_like(wanted, dtype=torch.bool)
        mask = torch.zeros_like(keep[between])
        mask[found] = sent.keep[order[place[found]]]
        keep[between] &= mask
        return keep
