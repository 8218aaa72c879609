"""What a world model predicts from recorded states, beside what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from graphmarl.experiment.inspection.recording import RecordedStep
from graphmarl.experiment.inspection.tables import in_order, named_parts, observed
from graphmarl.nn import AgentNetwork, LatentAgent
from graphmarl.nn.latent_agent import with_dead
from graphmarl.step import Spec

FIRST = ("reward", "continues")


class Imagined(NamedTuple):
    """Predictions of one step, of all samples.

    Args:
        reward: rewards, 0 for agents that are predicted to have ended (sample, row).
        continues: probabilities that an agent goes on (sample, row).
        obs: observations that follow (sample, row, number).
    """

    reward: Tensor
    continues: Tensor
    obs: Tensor


@torch.no_grad()
def imagination_table(
    recorded: Sequence[RecordedStep],
    network: AgentNetwork | None,
    spec: Spec,
    horizon: int,
    samples: int,
    targets: Sequence[str] | None = None,
    reward_scale: float = 1.0,
) -> pd.DataFrame:
    """Predictions from each recorded state; see `Inspection.imagination`.

    Args:
        recorded: the steps.
        network: the network that acted.
        spec: shapes of the environment.
        horizon: number of steps that are predicted.
        samples: number of rollouts from each state.
        targets: what is predicted; None for all.
        reward_scale: factor on the rewards that the model was trained on.

    Raises:
        ValueError: there is no world model, or an unknown target.
    """
    if not isinstance(network, LatentAgent):
        raise ValueError(
            "this method has no world model, so that it predicts no rewards and observations; "
            "methods whose network is a LatentAgent have one"
        )
    known = (*FIRST, *observed(recorded[0].step.obs, spec))
    unknown = sorted(set(targets or ()) - set(known))
    if unknown:
        raise ValueError(f"targets are {unknown}; there are {', '.join(known)}")
    parts = []
    for number, start in enumerate(recorded):
        played = recorded[number : number + horizon]
        actions = [moment.action for moment in played]
        found = imagined_steps(network, start, actions, samples, spec.num_agents)
        for ahead, (moment, imagined) in enumerate(zip(played, found, strict=True), 1):
            scaled = imagined._replace(reward=imagined.reward / reward_scale)
            parts += _rows(start, moment, scaled, ahead, spec, targets or known)
    return in_order(pd.concat(parts, ignore_index=True))


def imagined_steps(
    network: LatentAgent,
    start: RecordedStep,
    actions: Sequence[Tensor],
    samples: int,
    num_agents: int,
) -> Iterator[Imagined]:
    """Predictions along given actions; latent states after the first are sampled from the prior.

    Messages are sent along the edges of the first state, as in training, between agents that are
    predicted to go on with a probability above 1/2.

    Args:
        network: policy and world model.
        start: the recorded step, whose latent state is the posterior.
        actions: the actions of all copies (env, agent, ...), from that step on.
        samples: number of rollouts.
        num_agents: rows per graph, N.
    """
    assert start.output is not None and start.output.features is not None, "recorded with outputs"
    model, features = network.model, start.output.features.repeat(samples, 1)
    latent, alive = model.split(features), start.step.alive.flatten().repeat(samples)
    edges = copied(start.edge_index, len(start.output.features), samples)
    for action in actions:
        sent = edges[:, alive[edges].all(0)]
        sent = with_dead(sent, alive, num_agents) if network.absorbing else sent
        taken = action.flatten(0, 1)
        if model.discrete:
            taken = F.one_hot(taken, model.num_actions).to(features.dtype)
        x = torch.cat([latent.z, taken.repeat(samples, 1)], 1)
        h = model.gru(model.communication(x, sent, num_agents), latent.h)
        reward, logits = model.predict(latent.z, h)
        latent = model.imagine(h)
        obs = model.original(model.decode(latent.features).obs)
        parts = (reward * alive, logits.sigmoid(), obs)
        yield Imagined(*(each.unflatten(0, (samples, -1)) for each in parts))
        alive = alive & ((logits > 0) | network.absorbing)


def copied(edge_index: Int[Tensor, "2 edge"], rows: int, copies: int) -> Int[Tensor, "2 more"]:
    """The edges of several copies of a batch of graphs.

    Args:
        edge_index: senders and receivers.
        rows: rows of the batch.
        copies: number of copies.
    """
    offset = rows * torch.arange(copies, device=edge_index.device)
    return (edge_index[:, None] + offset[None, :, None]).flatten(1)


def _rows(
    start: RecordedStep,
    moment: RecordedStep,
    imagined: Imagined,
    ahead: int,
    spec: Spec,
    targets: Sequence[str],
) -> Iterator[pd.DataFrame]:
    """The rows of one predicted step: agents that lived at the start, in episodes that run."""
    after = moment.after
    assert moment.reward is not None and after is not None, "recorded as it was played"
    copies, size = start.step.alive.shape
    there = (start.step.alive & moment.running[:, None]).flatten().cpu().numpy()
    row = np.arange(copies * size)[there]
    episode, agent = row // size, row % size
    time = start.step.time.cpu().numpy()[episode]
    goes_on = (after.alive & ~after.terminated[:, None]).flatten()
    real = {"reward": moment.reward.flatten(), "continues": goes_on.float()}
    seen = observed(after.obs, spec)
    # Nothing is observed after the end, and the model does not learn to predict it.
    real |= {name: each.masked_fill(~goes_on, float("nan")) for name, each in seen.items()}
    predicted = {"reward": imagined.reward, "continues": imagined.continues}
    flat: dict[str, Float[Tensor, " row"]] = named_parts(imagined.obs.flatten(0, 1), spec)
    predicted |= {name: each.unflatten(0, imagined.reward.shape) for name, each in flat.items()}
    label = {"episode": episode, "time": time, "ahead": ahead, "agent": agent}
    for name in targets:
        values = predicted[name].double()
        columns = {"real": real[name], "imagined": values.mean(0)}
        columns["deviation"] = values.std(0, correction=0)
        picked = {key: value.cpu().numpy()[there] for key, value in columns.items()}
        yield pd.DataFrame(label | {"target": name} | picked)
