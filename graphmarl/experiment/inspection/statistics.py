"""Statistics of agent graphs and attention, of all environment copies at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.experiment.inspection.tables import in_order
from graphmarl.nn import LayerMessages

Array = NDArray[Any]


def step_table(recorded: Sequence[RecordedStep], num_agents: int, rounds: int) -> pd.DataFrame:
    """One row for each episode and step; see `Inspection.steps`.

    Args:
        recorded: the steps.
        num_agents: slots for agents, N.
        rounds: hops that information travels in a step.
    """
    parts, before = [], None
    for moment in recorded:
        columns = _columns_of(moment, before, num_agents, rounds)
        running = moment.running.cpu().numpy()
        parts.append(pd.DataFrame({name: value[running] for name, value in columns.items()}))
        before = moment.edge_index
    return in_order(pd.concat(parts, ignore_index=True))


def _columns_of(
    moment: RecordedStep, before: Tensor | None, num_agents: int, rounds: int
) -> dict[str, Array]:
    """The columns of one step, of all copies."""
    copies, time = len(moment.running), moment.step.time.cpu().numpy()
    columns: dict[str, Array] = {"episode": np.arange(copies), "time": time}
    if moment.reward is not None:
        columns["reward"] = moment.reward.sum(1).cpu().numpy()
    columns |= graph_statistics(moment.edge_index, moment.step.alive, rounds)
    columns["turnover"] = turnover(moment.edge_index, before, num_agents, copies)
    columns["turnover"][time == 0] = np.nan
    columns |= sent_statistics(moment.messages, num_agents, copies)
    return columns | metrics_of(moment.info)


def metrics_of(info: Mapping[str, Tensor]) -> dict[str, Array]:
    """Metrics of the environment; one with several numbers for a copy has several columns.

    Args:
        info: metrics by name, (env, ...).
    """
    found: dict[str, Array] = {}
    for name, value in info.items():
        rows = value.flatten(1).cpu().numpy() if value.ndim > 1 else value[:, None].cpu().numpy()
        several = rows.shape[1] > 1
        found |= {f"{name}_{i}" if several else name: column for i, column in enumerate(rows.T)}
    return found


def graph_statistics(
    edge_index: Int[Tensor, "2 edge"], alive: Bool[Tensor, "env agent"], rounds: int
) -> dict[str, Array]:
    """Live agents, edges, mean in-degree, reciprocity, components and range of each graph.

    Args:
        edge_index: senders and receivers, over the rows of all copies.
        alive: mask of live agents.
        rounds: hops that information travels in a step.
    """
    copies, size = alive.shape
    live = alive.cpu().numpy()
    rows, count = live.size, live.sum(1)
    sender, receiver = edge_index.cpu().numpy()
    edges = np.bincount(receiver // size, minlength=copies)
    both = np.isin(receiver * rows + sender, sender * rows + receiver)
    matrix = csr_array((np.ones(len(sender)), (sender, receiver)), shape=(rows, rows))
    _, label = connected_components(matrix, directed=True, connection="weak")
    _, first = np.unique(label[live.ravel()], return_index=True)
    owner = np.repeat(np.arange(copies), size)[live.ravel()][first]
    reached = reach(matrix, rounds).reshape(copies, size).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "agents": count,
            "edges": edges,
            "degree": edges / count,
            "reciprocity": np.bincount(receiver // size, both, copies) / edges,
            "components": np.bincount(owner, minlength=copies),
            "range": reached / count,
        }


def reach(matrix: csr_array, rounds: int) -> Array:
    """Number of other rows from which information reaches each row within some hops.

    Args:
        matrix: entry (sender, receiver) for each edge.
        rounds: number of hops.
    """
    step = within = csr_array(matrix.astype(bool))
    if not rounds:
        return np.zeros(len(step.indptr) - 1, dtype=int)
    last = step
    for _ in range(rounds - 1):
        last = csr_array((last @ step).astype(bool))
        within = csr_array((within + last).astype(bool))
    return within.astype(int).sum(0) - within.diagonal()


def turnover(edge_index: Tensor, before: Tensor | None, num_agents: int, copies: int) -> Array:
    """Share of the edges of two steps that only one of them has: `1 - |A and B| / |A or B|`.

    Args:
        edge_index: edges of the step.
        before: edges of the step before; None in the first.
        num_agents: rows per graph.
        copies: number of graphs.
    """
    if before is None:
        return np.full(copies, np.nan)
    rows = num_agents * copies
    keys = [each[1].cpu().numpy() * rows + each[0].cpu().numpy() for each in (edge_index, before)]
    counts = [np.bincount(key // rows // num_agents, minlength=copies) for key in keys]
    kept = np.isin(keys[0], keys[1])
    shared = np.bincount(keys[0] // rows // num_agents, kept, copies)
    with np.errstate(invalid="ignore"):
        return 1 - shared / (counts[0] + counts[1] - shared)


def sent_statistics(
    messages: Sequence[LayerMessages], num_agents: int, copies: int
) -> dict[str, Array]:
    """Messages and bits sent, and the mean entropy of attention, in each graph.

    Args:
        messages: messages of a step.
        num_agents: rows per graph.
        copies: number of graphs.
    """
    sums = torch.zeros(4, copies)
    for each in messages:
        graph = (each.edge_index[1] // num_agents).cpu()
        sums[0].index_add_(0, graph, each.open.float().cpu())
        sums[1].index_add_(0, graph, each.bits.cpu())
        if each.attention is not None:
            entropy, there = entropy_of(each.edge_index[1], each.attention, num_agents * copies)
            owner = torch.arange(num_agents * copies) // num_agents
            sums[2].index_add_(0, owner, (entropy * there).sum(1).cpu())
            sums[3].index_add_(0, owner, there.sum(1).float().cpu())
    entropy = torch.where(sums[3] > 0, sums[2] / sums[3], float("nan"))
    named = zip(("messages", "bits", "entropy"), (sums[0], sums[1], entropy), strict=True)
    return {name: value.numpy() for name, value in named}


def entropy_of(receiver: Tensor, alpha: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Entropy of the attention of each row and head, normalised over the neighbours, in nats.

    Args:
        receiver: receiver of each edge.
        alpha: attention, (edge, head).
        rows: number of rows.

    Returns:
        the entropy, and whether the row attends to a neighbour at all.
    """
    total = alpha.new_zeros(rows, alpha.shape[1]).index_add_(0, receiver, alpha)
    share = alpha / total[receiver].clamp(min=torch.finfo(alpha.dtype).tiny)
    terms = torch.zeros_like(total).index_add_(0, receiver, -torch.xlogy(share, share))
    return terms, total > 0
