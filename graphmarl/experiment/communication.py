"""What trained agents tell each other: how much of it they need, and who says what to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import networkx as nx
import torch
from torch import Tensor

from graphmarl.experiment.config import Named
from graphmarl.experiment.evaluate import evaluate, playing
from graphmarl.nn import Cut, LayerMessages
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows
from graphmarl.step import Step

PERCENTS = (0, 20, 40, 60, 80, 90, 100)


def cut_curve(
    run: str | Path | Run,
    percents: Sequence[float] = PERCENTS,
    rule: str = "rank={percent}",
    **options: Any,
) -> list[dict[str, float]]:
    """Play fresh episodes with growing shares of the messages cut (NDQ, Figs. 2c and 4c).

    Args:
        run: the run folder.
        percents: of 100 bits, how many are cut.
        rule: a cut in which `{percent}` is put in: `rank={percent}`, `random={percent}`.
        options: arguments of `evaluate`.

    Returns:
        one row for each share, of `percent` and what `evaluate_under_cut` measures.

    Raises:
        ValueError: no shares, a rule without `{percent}`, or what `evaluate` does not allow.
    """
    if not percents:
        raise ValueError("percents is empty; name at least one share, such as 0")
    if "{percent}" not in rule:
        raise ValueError(f"rule is {rule!r}; it needs {{percent}}, as in rank={{percent}}")
    cuts = {percent: rule.replace("{percent}", str(percent)) for percent in percents}
    return [
        {"percent": float(percent)} | evaluate_under_cut(run, cut, **options)
        for percent, cut in cuts.items()
    ]


def evaluate_under_cut(run: str | Path | Run, cut: str | None, **options: Any) -> dict[str, float]:
    """What agents reach, and how much they say, under one cut.

    Args:
        run: the run folder.
        cut: the rule, as in `evaluate`; None cuts nothing.
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


@dataclass(frozen=True)
class RecordedStep:
    """One step of some episodes.

    Args:
        step: what the agents saw.
        action: what they did.
        sent: what they told each other before, one entry for each layer and round.
        running: copies whose first episode goes on.
    """

    step: Step
    action: Tensor
    sent: list[LayerMessages]
    running: Tensor


@torch.inference_mode()
def record_messages(
    run: str | Path | Run,
    episodes: int = 1,
    steps: int | None = None,
    seed: int = 1_000_000,
    cut: str | Cut | None = None,
    graph: Named | None = None,
) -> list[RecordedStep]:
    """Play greedily and listen, until every first episode has ended.

    Args:
        run: the run folder of a method that sends messages.
        episodes: environment copies.
        steps: stop after so many, or go on until the last episode has ended.
        seed: seed of the episodes and of the messages' noise.
        cut: which bits are not sent, as in `evaluate`.
        graph: who hears whom; the run's own without it.

    Raises:
        ValueError: the method sends no messages.
    """
    moments = []
    with playing(run, episodes, graph, cut=cut) as stage:
        if stage.channel is None:
            raise ValueError("this method sends no messages")
        for step, action, running in stage.walk(seed, steps):
            moments.append(RecordedStep(step, action, list(stage.channel.messages), running))
            stage.channel.take(episodes)
    return moments


def message_graph(moments: Sequence[RecordedStep], num_agents: int) -> nx.DiGraph:
    """Who tells whom how much: an arc for each pair between whom at least one bit was sent.

    Arcs have `bits` and `messages`, means over the steps of first episodes.

    Args:
        moments: what was overheard.
        num_agents: slots for agents.
    """
    totals = torch.zeros(2, num_agents * num_agents)
    for moment in moments:
        for each in moment.sent:
            running = moment.running[each.edge_index[1] // num_agents]
            sender, receiver = each.edge_index % num_agents
            bits = each.bits * running.float()
            counts = torch.stack([bits, (bits > 0).float()])
            totals.index_add_(1, sender * num_agents + receiver, counts)
    steps = max(1, sum(int(moment.running.sum()) for moment in moments))
    bits, messages = (totals / steps).view(2, num_agents, num_agents)
    network = nx.DiGraph()
    network.add_nodes_from(range(num_agents))
    for pair in bits.nonzero().tolist():
        sender, receiver = pair
        amounts = {"bits": bits[sender, receiver], "messages": messages[sender, receiver]}
        network.add_edge(sender, receiver, **{name: float(v) for name, v in amounts.items()})
    return network


CUT_COLUMNS = ("return", "half_width", "win", "messages", "bits", "bytes")


def measure_cuts(run: Run, cuts: Sequence[str], episodes: int = 4096) -> list[dict[str, str]]:
    """Evaluate a run under several cuts, once; leaves `cuts.csv` in its folder.

    Args:
        run: the run.
        cuts: rules as in `evaluate`; `none` cuts nothing. A method without messages gets only that.
        episodes: fresh episodes of each evaluation.
    """
    path = run.path / "cuts.csv"
    if not path.exists():
        rows = []
        for cut in ("none", *cuts):
            found = evaluate_under_cut(run, None if cut == "none" else cut, episodes=episodes)
            told = {name: f"{found[name]:.4f}" for name in CUT_COLUMNS if name in found}
            rows.append({"cut": cut} | {name: told.get(name, "") for name in CUT_COLUMNS})
            if "bits" not in found:
                break
        run.write_rows(path.name, rows)
    return read_rows(path)
