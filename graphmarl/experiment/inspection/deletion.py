"""Deletion curves: return against the share of edges that is removed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.utils import scatter

from graphmarl.checks import checked
from graphmarl.experiment.config import Named
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.inspection.importance import edge_importance, used_edges
from graphmarl.experiment.inspection.replicas import edge_keys, remove
from graphmarl.experiment.policies import LoadedPolicy, load_policy
from graphmarl.nn import Channel, LayerMessages, without_noise
from graphmarl.nn.communication.cuts import keep_highest
from graphmarl.ranges import Copies, Seed, UnitInterval
from graphmarl.results.run import Run
from graphmarl.step import Step

Order = Literal["importance", "attention", "random"]
ORDERS: tuple[Order, ...] = ("importance", "attention", "random")
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


class EdgeDeletion:
    """A policy without a share of the edges of each step and environment copy.

    Args:
        loaded: the policy.
        share: share of the edges that are removed, the highest first.
        by: `importance` of the edge on the whole graph of the step, `attention` to it (the largest
            over layers and heads), or `random`.
        seed: seed of the random order.

    Raises:
        ValueError: the order needs attention, and the method has none.
    """

    def __init__(self, loaded: LoadedPolicy, share: float, by: Order, seed: int = 0) -> None:
        self.loaded, self.share, self.by = loaded, share, by
        self.generator = torch.Generator().manual_seed(seed)
        self.num_agents = loaded.env.spec.num_agents

    def __call__(self, step: Step) -> Tensor:
        """Actions in a step, on the graph that is left."""
        runner = self.loaded.policy.runner
        graph = runner.observe(step.replace(alive=step.alive & ~step.done[:, None]))
        edges, score = self._scores()
        if self.loaded.channel is not None:
            # What the ranking has sent is no part of the episode.
            self.loaded.channel.messages.clear()
        copy = edges[1] // self.num_agents
        gone = edges[:, ~keep_highest(-score, copy, self.share)]
        shape = (len(step.alive), self.num_agents, self.num_agents)
        removed = torch.zeros(shape, dtype=torch.bool, device=edges.device)
        size = self.num_agents
        removed[gone[1] // size, gone[1] % size, gone[0] % size] = True
        runner.graph = remove(graph, removed)
        action, _ = runner.act(greedy=self.loaded.policy.greedy)
        # A network that sends along the edges of the step before loses its share of them there.
        runner.graph = graph
        return action

    def _scores(self) -> tuple[Int[Tensor, "2 edge"], Float[Tensor, " edge"]]:
        """The edges of the current step and what they are ranked by."""
        runner, network = self.loaded.policy.runner, self.loaded.network
        graph, memory = runner.graph, runner.memory
        assert graph is not None and graph.edge_index is not None, "a step was observed"
        with without_noise(network), Channel(network, self.num_agents, attention=True) as channel:
            network(graph, memory)
            messages = channel.messages
        edges, _ = used_edges(messages, graph.edge_index, self.num_agents)
        if self.by == "importance":
            return edges, edge_importance(graph, memory, network, self.num_agents, edges)[0]
        if self.by == "attention":
            return edges, attention_on(messages, edges, self.num_agents)
        noise = torch.rand(edges.shape[1], generator=self.generator)
        return edges, noise.to(edges.device)


def attention_on(
    messages: Sequence[LayerMessages], edges: Int[Tensor, "2 edge"], num_agents: int
) -> Float[Tensor, " edge"]:
    """Largest attention to each edge, over layers, rounds and heads.

    Args:
        messages: messages of a step.
        edges: the edges.
        num_agents: slots for agents, N.

    Raises:
        ValueError: no layer has attention.
    """
    attended = [(each.edge_index, each.attention) for each in messages]
    found = [(index, alpha.amax(1)) for index, alpha in attended if alpha is not None]
    if not found:
        raise ValueError("this method has no attention to order its edges by")
    key = edge_keys(edges, num_agents)
    order, place = key.sort()
    keys = torch.cat([edge_keys(index, num_agents) for index, _ in found])
    at = place[torch.searchsorted(order, keys)]
    return scatter(torch.cat([alpha for _, alpha in found]), at, dim_size=len(key), reduce="max")


@checked
def deletion_curve(
    run: str | Path | Run,
    by: Sequence[Order] | None = None,
    shares: Sequence[UnitInterval] = SHARES,
    episodes: Copies = 32,
    seed: Seed = 1_000_000,
    graph: Named | None = None,
    greedy: bool = True,
    checkpoint: str | Path | None = None,
    env: dict[str, Any] | None = None,
    trust: bool = False,
) -> pd.DataFrame:
    """Return of a policy against the share of the edges of each step that is removed.

    The edges are ranked anew in each step, on the whole graph. Columns: `by`, `share`, `return` and
    the `half_width` of its 95 % interval over episodes, `steps`, and `messages` of an average step.

    Args:
        run: the run folder.
        by: orders of removal: `importance`, `attention`, `random`; by default all that the method
            has.
        shares: shares of the edges that are removed.
        episodes: number of episodes of each evaluation.
        seed: seed of the episodes and of sampling.
        graph: another graph builder than that of the run.
        greedy: take the most likely or most valuable action; otherwise act as in training.
        checkpoint: another checkpoint than the last.
        env: options of the environment to change.
        trust: import classes and functions from outside the library that the run names.

    Raises:
        ValueError: no shares, or an order by attention where there is none.
    """
    if not shares:
        raise ValueError("shares is empty; name at least one share, such as 0.5")
    options: dict[str, Any] = {"graph": graph, "greedy": greedy, "checkpoint": checkpoint}
    options |= {"env": env, "trust": trust}
    rows, whole = [], {}
    for order in by or available_orders(run, seed, options):
        for share in shares:
            # Without all or none of the edges, their order does not matter.
            key = share if share in (0, 1) else (share, order)
            if key not in whole:
                with load_policy(run, episodes, **options) as loaded:
                    policy = EdgeDeletion(loaded, share, order, seed)
                    whole[key] = play(loaded.env, policy, seed, loaded.channel)
            played = whole[key]
            returns = played.mean_return
            row = {"by": order, "share": share, "return": returns.mean}
            row |= {"half_width": returns.half_width, "steps": played.mean_length.mean}
            rows.append(row | {name: played.mean_sent(name) for name in played.sent})
    return pd.DataFrame(rows)


def available_orders(run: str | Path | Run, seed: int, options: dict[str, Any]) -> list[Order]:
    """The orders of removal that a method has.

    Args:
        run: the run folder.
        seed: seed of an episode.
        options: arguments of `load_policy`.
    """
    with load_policy(run, 1, **options, attention=True) as loaded, torch.inference_mode():
        loaded.policy(loaded.env.reset(seed))
        sent = loaded.channel.messages if loaded.channel else []
        attended = any(each.weights is not None for each in sent)
    return [order for order in ORDERS if attended or order != "attention"]
