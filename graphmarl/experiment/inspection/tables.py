"""Tables of the edges and the agents of recorded steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphmarl.agent_graph import scaled
from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.nn import LayerMessages
from graphmarl.nn.policy import parameters_of
from graphmarl.step import Spec

Columns = dict[str, NDArray[Any]]


def edge_table(
    recorded: Sequence[RecordedStep], num_agents: int, messages: bool = False
) -> pd.DataFrame:
    """One row for each edge, layer, round and step; see `Inspection.edges`.

    Args:
        recorded: the steps.
        num_agents: slots for agents, N.
        messages: also the numbers of the messages.
    """
    parts: dict[tuple[str, int], list[Columns]] = {}
    for moment in recorded:
        for sent in moment.messages or [unsent(moment.edge_index)]:
            columns = _edges_of(moment, sent, num_agents, messages)
            parts.setdefault((sent.layer, sent.round), []).append(columns)
    tables = [
        pd.DataFrame(joined(columns)).assign(layer=layer, round=number)
        for (layer, number), columns in parts.items()
    ]
    whole = pd.concat(tables, ignore_index=True)
    first = ["episode", "time", "layer", "round", "sender", "receiver"]
    return in_order(whole.reindex(columns=[*first, *(c for c in whole if c not in first)]))


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """A table sorted by episode and time.

    Args:
        table: the table.
    """
    order = np.lexsort((table["time"].to_numpy(), table["episode"].to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def unsent(edge_index: Tensor) -> LayerMessages:
    """Edges of a graph along which nothing is sent.

    Args:
        edge_index: senders and receivers.
    """
    nothing = torch.empty(edge_index.shape[1], 0)
    return LayerMessages(edge_index, nothing, nothing.bool())


def _edges_of(
    moment: RecordedStep, sent: LayerMessages, num_agents: int, messages: bool
) -> Columns:
    """The columns of one layer and round in one step."""
    copy = sent.edge_index[1] // num_agents
    there = moment.running[copy]
    copy, (sender, receiver) = copy[there], sent.edge_index[:, there] % num_agents
    columns = {"episode": copy, "time": moment.step.time[copy]}
    columns |= {"sender": sender, "receiver": receiver}
    if sent.attention is not None:
        alpha = sent.attention[there]
        columns["attention"] = alpha.mean(1)
        columns |= numbered("attention", alpha) if alpha.shape[1] > 1 else {}
    if sent.keep.shape[1]:
        message = sent.message[there]
        columns |= {"gate": sent.open[there], "norm": message.norm(dim=1)}
        columns["bits"] = sent.bits[there]
        if messages:
            columns |= numbered("message", message) | symbols_of(sent, there)
    return {name: value.detach().cpu().numpy() for name, value in columns.items()}


def symbols_of(sent: LayerMessages, there: Tensor) -> dict[str, Tensor]:
    """The symbols of messages that are made of such, as numbers; NaN for one that was cut.

    Args:
        sent: messages of a layer.
        there: mask of the messages.
    """
    if not sent.alphabet:
        return {}
    parts = sent.message[there].split(list(sent.alphabet), 1)
    found = [torch.where(part.any(1), part.argmax(1).float(), float("nan")) for part in parts]
    return {f"symbol_{number}": column for number, column in enumerate(found)}


def agent_table(
    recorded: Sequence[RecordedStep], spec: Spec, observations: bool = False
) -> pd.DataFrame:
    """One row for each agent and step; see `Inspection.agents`.

    Args:
        recorded: the steps.
        spec: shapes of the environment.
        observations: also what each agent observes.
    """
    parts = [_agents_of(moment, spec, observations) for moment in recorded]
    return in_order(pd.DataFrame(joined(parts)))


def _agents_of(moment: RecordedStep, spec: Spec, observations: bool) -> Columns:
    """The columns of one step."""
    step, (copies, agents) = moment.step, moment.step.alive.shape
    kind = torch.tensor(spec.kind or (0,) * agents)
    columns: dict[str, Tensor] = {
        "episode": torch.arange(copies).repeat_interleave(agents),
        "time": step.time.repeat_interleave(agents),
        "agent": torch.arange(agents).repeat(copies),
        "kind": kind.repeat(copies),
        "alive": step.alive.flatten(),
    }
    if step.position is not None:
        columns |= {"x": step.position[..., 0].flatten(), "y": step.position[..., 1].flatten()}
    action = moment.action.flatten(0, 1)
    columns |= {"action": action} if action.ndim == 1 else numbered("action", action)
    if moment.reward is not None:
        columns["reward"] = moment.reward.flatten()
    if moment.value is not None:
        columns["value"] = moment.value.flatten()
    if (output := moment.output) is not None:
        policy = output.distribution
        found = {"policy": None if policy is None else parameters_of(policy)}
        found |= {"q": output.q, "latent": output.latent}
        for name, rows in found.items():
            columns |= {} if rows is None else numbered(name, rows)
    if observations:
        seen = observed(moment.step.obs, spec)
        columns |= {f"obs_{name}": column for name, column in seen.items()}
    there = moment.running.repeat_interleave(agents)
    return {name: value[there].cpu().numpy() for name, value in columns.items()}


def numbered(name: str, rows: Tensor) -> dict[str, Tensor]:
    """The columns of a matrix by name and number.

    Args:
        name: their name.
        rows: the matrix.
    """
    return {f"{name}_{i}": column for i, column in enumerate(rows.flatten(1).unbind(1))}


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns of several parts, one below the other.

    Args:
        parts: columns by name, the same in each.
    """
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def observed(obs: Tensor, spec: Spec) -> dict[str, Tensor]:
    """The numbers that each agent observes, (row,) by name; those without a name are `obs`.

    Args:
        obs: observations (env, agent, ...).
        spec: shapes of the environment.
    """
    return named_parts(scaled(obs).flatten(2).flatten(0, 1), spec)


def named_parts(rows: Tensor, spec: Spec) -> dict[str, Tensor]:
    """The columns of flattened observations by the names of `Spec.layout`.

    Args:
        rows: flattened observations (row, number).
        spec: shapes of the environment.
    """
    parts = dict(spec.layout) or {"obs": slice(0, spec.obs_size)}
    found: dict[str, Tensor] = {}
    for name, part in parts.items():
        columns = rows[:, part].unbind(1)
        numbered = len(columns) > 1
        found |= {f"{name}_{i}" if numbered else name: each for i, each in enumerate(columns)}
    return found
