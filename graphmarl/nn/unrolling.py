"""Recurrent networks over all steps of sequences at once."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.functional.layouts import layout_of
from graphmarl.nn.network import batch_of, count_graphs

EDGES = ("edge_index", "edge_attr")
BATCH = ("batch", "ptr", "num_nodes")


def first_steps(graph: Data, num_steps: int) -> Bool[Tensor, "time row"]:
    """Where an episode begins, and the memory of an agent is reset.

    Args:
        graph: agent graphs of all steps, one step after the other.
        num_steps: steps, T.
    """
    begins = (graph["time"] == 0).view(num_steps, -1)
    rows = (graph.num_nodes or 0) // num_steps
    return begins.repeat_interleave(rows // begins.shape[1], 1)


def split_steps(graph: Data, num_steps: int) -> list[Data]:
    """The agent graphs of each step, out of those of all steps.

    Args:
        graph: agent graphs of all steps, one step after the other, and so are their edges.
        num_steps: steps, T.
    """
    edge_index, rows = graph.edge_index, (graph.num_nodes or 0) // num_steps
    assert edge_index is not None, "a builder has set the edges"
    count = torch.bincount(edge_index[1] // max(rows, 1), minlength=num_steps).tolist()
    graphs, layout = count_graphs(graph) // num_steps, layout_of(edge_index)
    if layout is None:
        edges = (edge_index % max(rows, 1)).split(count, 1)
    else:
        edges = (layout.union(graphs),) * num_steps
    parts: dict[str, tuple[Tensor, ...]] = {"edge_index": edges}
    if graph.edge_attr is not None:
        parts["edge_attr"] = graph.edge_attr.split(count)
    for name, value in graph.to_dict().items():
        if name not in (*EDGES, *BATCH) and isinstance(value, Tensor):
            parts[name] = value.unflatten(0, (num_steps, -1)).unbind(0)
    common = {
        "ptr": graph.ptr[: graphs + 1],
        "batch": batch_of(graph)[:rows],
        "num_nodes": rows,
    }
    steps = [dict(zip(parts, each, strict=True)) for each in zip(*parts.values(), strict=True)]
    return [Data(**step, **common) for step in steps]


def gru_over_time(
    cell: nn.GRUCell,
    x: Float[Tensor, "time row feature"],
    memory: Float[Tensor, "row memory"],
    begins: Bool[Tensor, "time row"],
) -> Float[Tensor, "time row memory"]:
    """Memory after each step of sequences that may contain the beginnings of episodes.

    Every episode within a sequence is a sequence of its own from a memory of zeros.

    Args:
        cell: the recurrent cell.
        x: its inputs.
        memory: memory before the first step.
        begins: steps at which the memory is reset.
    """
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    memory = memory.masked_fill(begins[0][:, None], 0)
    if not begins[1:].any():
        return torch.gru(x, memory[None], weights, True, 1, 0.0, cell.training, False, False)[0]
    packed, row, order = packed_episodes(begins)
    memory = torch.where((order < len(memory))[:, None], memory[order % len(memory)], 0.0)
    out, _ = torch.gru(
        x.flatten(0, 1)[row],
        packed,
        memory[None],
        weights,
        True,
        1,
        0.0,
        cell.training,
        False,
    )
    place = torch.empty_like(row).scatter_(0, row, torch.arange(len(row), device=row.device))
    return out[place].unflatten(0, tuple(begins.shape))


def packed_episodes(begins: Bool[Tensor, "time row"]) -> tuple[Tensor, Tensor, Tensor]:
    """Episodes within sequences in the layout of packed sequences, the longest first.

    Args:
        begins: steps at which an episode begins; the first steps count as such.

    Returns:
        the number of episodes that have an n-th step, on the CPU; the step `t * rows + row` of each
        packed entry; and the first step `t * rows + row` of each episode.
    """
    steps, rows = begins.shape
    starts = begins.clone()
    starts[0] = True
    row, time = starts.t().nonzero().unbind(1)
    following = torch.cat([time[1:], time.new_zeros(1)])
    length = torch.where(following > 0, following, steps) - time
    order = length.argsort(descending=True, stable=True)
    length, first = length[order], (time * rows + row)[order]
    number = torch.arange(int(length[0]), device=begins.device)
    inside = number[:, None] < length
    entry = (first + number[:, None] * rows)[inside]
    return inside.sum(1).cpu(), entry, first
