"""Counterfactual importance of edges: what the receiver would do without the edge."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.distributions import Categorical
from torch_geometric.data import Data

from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.experiment.inspection.replicas import (
    ReplayedChannel,
    edge_keys,
    remove,
    replicate,
    rows_of,
)
from graphmarl.experiment.inspection.tables import joined
from graphmarl.functional import greedy_action
from graphmarl.nn import AgentNetwork, LayerMessages, Output, policy_kl, policy_rows, without_noise

ROWS = 32_768
"""Rows of agents in one pass through the network."""


def importance_table(
    recorded: Sequence[RecordedStep], network: AgentNetwork, num_agents: int, cut: bool = False
) -> pd.DataFrame:
    """Importance of each edge in each step; see `Inspection.importance`.

    Args:
        recorded: the steps.
        network: the network that acted.
        num_agents: slots for agents, N.
        cut: messages were cut; replicas send the bits that were sent.
    """
    parts = []
    for moment in recorded:
        edges, sent = used_edges(moment.messages, moment.edge_index, num_agents)
        copy = edges[1] // num_agents
        there = moment.running[copy]
        edges, sent, copy = edges[:, there], sent[there], copy[there]
        assert moment.graph is not None and moment.memory is not None, "recorded with its inputs"
        value = torch.zeros(2, len(copy), device=edges.device)
        replayed = moment.messages if cut else None
        inputs = moment.graph, moment.memory, network, num_agents
        value[:, sent] = edge_importance(*inputs, edges[:, sent], replayed)
        columns = {"episode": copy, "time": moment.step.time[copy.cpu()]}
        columns |= {"sender": edges[0] % num_agents, "receiver": edges[1] % num_agents}
        columns |= {"importance": value[0], "action_changed": value[1] > 0}
        parts.append({name: column.cpu().numpy() for name, column in columns.items()})
    return pd.DataFrame(joined(parts))


def used_edges(
    messages: Sequence[LayerMessages], edge_index: Int[Tensor, "2 edge"], num_agents: int
) -> tuple[Int[Tensor, "2 used"], Bool[Tensor, " used"]]:
    """The edges of all layers and rounds, each once, and whether anything was sent along them.

    Args:
        messages: messages of a step.
        edge_index: edges of the agent graph, which are used if there are no messages.
        num_agents: slots for agents, N.
    """
    sending = [each for each in messages if each.keep.shape[1]]
    if not sending:
        return edge_index, torch.ones_like(edge_index[0], dtype=torch.bool)
    key = torch.cat([edge_keys(each.edge_index, num_agents) for each in sending])
    unique, place = key.unique(return_inverse=True)
    sent = torch.zeros_like(unique).index_add_(
        0, place, torch.cat([each.open for each in sending]).to(unique.dtype)
    )
    receiver, sender = unique // num_agents, unique % num_agents
    return torch.stack([receiver // num_agents * num_agents + sender, receiver]), sent > 0


@torch.inference_mode()
def edge_importance(
    graph: Data,
    memory: Float[Tensor, "row memory"],
    network: AgentNetwork,
    num_agents: int,
    edges: Int[Tensor, "2 pick"],
    messages: Sequence[LayerMessages] | None = None,
) -> Float[Tensor, "2 pick"]:
    """Change of the receiver's policy or Q-values if one edge alone is removed, for each edge.

    The second row is 1 where the greedy action of the receiver changes.

    Each edge is removed in one of several replicas of its graph; all are one batch, in chunks.

    Args:
        graph: a batch of agent graphs.
        memory: memory of each agent.
        network: the network.
        num_agents: rows per graph, N.
        edges: the edges.
        messages: recorded messages, whose bits are sent again; None sends all.
    """
    if not network.rounds or not edges.numel():
        return torch.zeros(2, edges.shape[1], device=edges.device)

    def output(copies: Tensor, removed: Tensor | None = None) -> Output:
        replica = replicate(graph, copies, num_agents)
        replica = replica if removed is None else remove(replica, removed)
        with ExitStack() as stack:
            stack.enter_context(without_noise(network))
            if messages is not None:
                channel = ReplayedChannel(network, num_agents, messages, copies)
                stack.enter_context(channel)
            return network(replica, memory[rows_of(copies, num_agents)])[0]

    whole = output(torch.arange((graph.num_nodes or 0) // num_agents, device=edges.device))
    replica, copies = replicas_of(edges, num_agents, network.rounds)
    change = torch.zeros(2, edges.shape[1], device=edges.device)
    for chunk in torch.arange(len(copies), device=edges.device).split(max(1, ROWS // num_agents)):
        here = ((replica >= chunk[0]) & (replica <= chunk[-1])).nonzero().flatten()
        (sender, receiver), which = edges[:, here], replica[here] - chunk[0]
        shape = (len(chunk), num_agents, num_agents)
        removed = torch.zeros(shape, dtype=torch.bool, device=edges.device)
        removed[which, receiver % num_agents, sender % num_agents] = True
        changed = output(copies[chunk], removed)
        available = graph.available[receiver] if "available" in graph else None
        own = which * num_agents + receiver % num_agents
        change[:, here] = change_of(whole, receiver, changed, own, available)
    return change


def replicas_of(
    edges: Int[Tensor, "2 pick"], num_agents: int, rounds: int
) -> tuple[Int[Tensor, " pick"], Int[Tensor, " replica"]]:
    """The replica in which each edge is removed, and the environment copy of each replica.

    In M rounds an agent depends on edges into agents that reach it within M - 1 hops. Edges into
    agents that are farther apart are removed in the same replica, one into each of them.

    Args:
        edges: the edges.
        num_agents: rows per graph, N.
        rounds: hops that information travels in a step, M.
    """
    receiver = edges[1].cpu()
    order = receiver.argsort(stable=True)
    degree = torch.bincount(receiver)
    slot = torch.empty_like(receiver)
    first = (degree.cumsum(0) - degree)[receiver[order]]
    slot[order] = torch.arange(len(receiver)) - first
    groups = torch.from_numpy(distant_groups(edges.cpu().numpy(), rounds - 1))[receiver]
    keys = torch.stack([receiver // num_agents, groups, slot])
    found, replica = keys.unique(dim=1, return_inverse=True)
    return replica.to(edges.device), found[0].to(edges.device)


def distant_groups(edges: NDArray[np.int64], hops: int) -> NDArray[np.int64]:
    """A group for each row, so that no row reaches another of its group within some hops.

    Args:
        edges: senders and receivers.
        hops: number of hops.
    """
    rows = int(edges.max()) + 1
    step = csr_array((np.ones(edges.shape[1], dtype=bool), edges), shape=(rows, rows))
    reach = within = csr_array((rows, rows), dtype=bool)
    for hop in range(hops):
        reach = step if hop == 0 else reach @ step
        within = within + reach
    near = csr_array(within + within.T)
    near.setdiag(False)
    near.eliminate_zeros()
    sender = np.repeat(np.arange(rows), np.diff(near.indptr))
    rank = np.random.default_rng(0).permutation(rows)
    group = np.full(rows, -1)
    while (group < 0).any():
        # Rows whose rank is the highest among those near that have no group yet.
        highest = np.full(rows, -1)
        np.maximum.at(highest, sender, np.where(group < 0, rank, -1)[near.indices])
        group[(group < 0) & (rank > highest)] = group.max() + 1
    return group


def change_of(
    before: Output, rows: Tensor, after: Output, own: Tensor, available: Tensor | None
) -> Float[Tensor, "2 pick"]:
    """KL of policies, or the largest absolute change of the Q-value of a legal action.

    The second row is 1 where the greedy discrete action changes.

    Args:
        before: output on the whole graphs.
        rows: rows of the receivers in it.
        after: output on the replicas.
        own: rows of the receivers in it.
        available: legal actions of the receivers; None if all are.
    """
    if before.distribution is None or after.distribution is None:
        assert before.q is not None and after.q is not None, "a network has a policy or Q-values"
        old, new = before.q[rows], after.q[own]
        change = (old - new).abs()
        change = change if available is None else change.masked_fill(~available, 0)
        actions = (greedy_action(q, available) for q in (old, new))
        return torch.stack([change.amax(-1), not_equal(*actions)])
    old, new = policy_rows(before.distribution, rows), policy_rows(after.distribution, own)
    changed = torch.zeros(len(rows), device=rows.device)
    if isinstance(old, Categorical) and isinstance(new, Categorical):
        changed = not_equal(old.probs.argmax(-1), new.probs.argmax(-1))
    return torch.stack([policy_kl(old, new).clamp(min=0), changed])


def not_equal(one: Int[Tensor, " pick"], other: Int[Tensor, " pick"]) -> Float[Tensor, " pick"]:
    """1 where two actions differ, else 0."""
    return (one != other).float()
