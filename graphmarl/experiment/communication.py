"""Evaluation of communication: message cuts, recorded messages and the graph of messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import networkx as nx
import torch

from graphmarl.checks import checked
from graphmarl.experiment.config import Named
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.inspection.recording import RecordedStep, record
from graphmarl.experiment.policies import load_policy
from graphmarl.nn import Cut
from graphmarl.ranges import Percent
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows

PERCENTS = (0, 20, 40, 60, 80, 90, 100)
CUT_COLUMNS = ("return", "half_width", "win", "messages", "bits", "bytes")


@checked
def cut_curve(
    run: str | Path | Run,
    percents: Sequence[Percent] = PERCENTS,
    rule: str = "rank={percent}",
    **options: Any,
) -> list[dict[str, float]]:
    """Return and message volume against the percentage of bits cut (NDQ, Figs. 2c and 4c).

    Args:
        run: the run folder.
        percents: percentages of the bits that are cut.
        rule: a cut with a place for the percentage: `rank={percent}`, `random={percent}`.
        options: arguments of `evaluate`.

    Returns:
        one row for each percentage, of `percent` and the columns of `evaluate_under_cut`.

    Raises:
        ValueError: no percentages, a rule without `{percent}`, or an error of `evaluate`.
    """
    if not percents:
        raise ValueError("percents is empty; name at least one percentage, such as 0")
    if "{percent}" not in rule:
        raise ValueError(f"rule is {rule!r}; it needs {{percent}}, as in rank={{percent}}")
    cuts = {percent: rule.replace("{percent}", str(percent)) for percent in percents}
    return [
        {"percent": float(percent)} | evaluate_under_cut(run, cut, **options)
        for percent, cut in cuts.items()
    ]


def evaluate_under_cut(run: str | Path | Run, cut: str | None, **options: Any) -> dict[str, float]:
    """Return and message volume under one cut.

    Args:
        run: the run folder.
        cut: the cut, as in `evaluate`; None cuts nothing.
        options: arguments of `evaluate`.

    Returns:
        `return` and the `half_width` of its 95 % interval over episodes, `steps`, the means of the
        environment's metrics, and, if there are messages, `messages`, `bits` and `bytes` of an
        average step.
    """
    played = evaluate(run, cut=cut, **options)
    returns = played.mean_return
    row = {"return": returns.mean, "half_width": returns.half_width}
    row["steps"] = played.mean_length.mean
    row |= {name: fmean(values) for name, values in played.info.items()}
    return row | {name: played.mean_sent(name) for name in played.sent}


def measure_cuts(run: Run, cuts: Sequence[str], episodes: int = 4096) -> list[dict[str, str]]:
    """Evaluate a run under several cuts, once; writes `cuts.csv`.

    Args:
        run: the run.
        cuts: cuts as in `evaluate`; a method without messages is evaluated without a cut only.
        episodes: number of episodes of each evaluation.
    """
    path = run.path / "cuts.csv"
    if not path.exists():
        rows = []
        for cut in ("none", *cuts):
            found = evaluate_under_cut(run, None if cut == "none" else cut, episodes=episodes)
            values = {name: f"{found[name]:.4f}" for name in CUT_COLUMNS if name in found}
            rows.append({"cut": cut} | {name: values.get(name, "") for name in CUT_COLUMNS})
            if "bits" not in found:
                break
        run.write_rows(path.name, rows)
    return read_rows(path)


def record_messages(
    run: str | Path | Run,
    episodes: int = 1,
    steps: int | None = None,
    seed: int = 1_000_000,
    cut: str | Cut | None = None,
    graph: Named | None = None,
) -> list[RecordedStep]:
    """Play greedily and record all messages, until every first episode has ended.

    Args:
        run: the run folder of a method that sends messages.
        episodes: environment copies.
        steps: stop after so many steps, or when the last episode has ended.
        seed: seed of the episodes and of the messages' noise.
        cut: which bits are not sent, as in `evaluate`.
        graph: another graph builder than that of the run.

    Raises:
        ValueError: the method sends no messages.
    """
    with load_policy(run, episodes, graph, cut=cut) as loaded:
        if loaded.channel is None:
            raise ValueError("this method sends no messages")
        return record(loaded, seed, steps)


def message_graph(recorded: Sequence[RecordedStep], num_agents: int) -> nx.DiGraph:
    """The graph of messages: an edge from each sender to each receiver of at least one bit.

    Edges have the attributes `bits` and `messages`, means over the steps of first episodes.

    Args:
        recorded: of `record_messages`.
        num_agents: slots for agents.
    """
    totals = torch.zeros(2, num_agents * num_agents)
    for moment in recorded:
        for sent in moment.messages:
            running = moment.running[sent.edge_index[1] // num_agents]
            sender, receiver = sent.edge_index % num_agents
            bits = sent.bits * running.float()
            counts = torch.stack([bits, (bits > 0).float()])
            totals.index_add_(1, sender * num_agents + receiver, counts)
    steps = max(1, sum(int(moment.running.sum()) for moment in recorded))
    bits, messages = (totals / steps).view(2, num_agents, num_agents)
    network = nx.DiGraph()
    network.add_nodes_from(range(num_agents))
    for sender, receiver in bits.nonzero().tolist():
        amounts = {"bits": bits[sender, receiver], "messages": messages[sender, receiver]}
        network.add_edge(sender, receiver, **{name: float(v) for name, v in amounts.items()})
    return network
