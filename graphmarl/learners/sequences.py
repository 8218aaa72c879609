"""Training sequences, unrolling and losses of a world model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from graphmarl.agent_graph import scaled
from graphmarl.data import Trajectory
from graphmarl.functional import balanced_kl
from graphmarl.learners.off_policy import one_hot_action
from graphmarl.nn import Adjacency, BlockMask, Latent, WorldModel, adjacency_of

PredictionLoss = Literal["smooth_l1", "squared"]


@dataclass(frozen=True)
class Sequences:
    """B sequences of N agents each, with one row per agent, as inputs of a world model.

    After an agent has died or its episode has terminated it is inactive: its observations and
    rewards are 0, and it does not continue.

    Args:
        obs: (time, row, obs).
        previous_action: (time, row, action), one-hot if discrete; zeros at the start of an episode.
        same_episode: (time, row, 1), 1 if the previous state belongs to the same episode.
        active: (time, row), agents that are not inactive.
        has_previous: (time, row), active agents with a previous action in the same episode.
        valid: (time - 1, row), transitions within one episode.
        reward: (time - 1, row).
        continues: (time - 1, row), 1 if the agent is active after the transition.
        available: (time, row, action), or None if all actions are available.
        adjacency: edges of the messages before each state.
        start: (time, graph), states from which rollouts can be imagined.
        alive: (time, graph, agent).
    """

    obs: Tensor
    previous_action: Tensor
    same_episode: Tensor
    active: Tensor
    has_previous: Tensor
    valid: Tensor
    reward: Tensor
    continues: Tensor
    available: Tensor | None
    adjacency: list[Adjacency]
    start: Tensor
    alive: Tensor

    @classmethod
    def of(cls, batch: Trajectory, masked: bool, absorbing: bool = False) -> Sequences:
        """Sequences from a batch of a replay.

        The messages before a state use the edges of the previous state, in which they were sent:
        the edges of the state itself would reveal which agents die in the transition.

        Args:
            batch: sequences from a replay.
            masked: use the stored edges instead of complete graphs of the live agents.
            absorbing: complete graphs of all agents, dead or alive.
        """
        begins = batch.time == 0
        ended = torch.zeros_like(batch.terminated)
        ended[1:] = (batch.terminated & batch.valid)[:-1]
        active = batch.alive & ~ended[..., None]
        obs = torch.where(active[..., None], scaled(batch.obs).flatten(3), 0.0)
        assert batch.last_action is not None, "actions are kept"
        previous_action = one_hot_action(batch.last_action, batch.spec)
        previous_action = previous_action * ~begins[..., None, None]
        acted, continues = batch.acted[:-1], batch.survived & ~batch.terminated[..., None]
        agents = batch.spec.num_agents
        rows = (~begins).repeat_interleave(agents, 1)
        return cls(
            obs=obs.flatten(1, 2),
            previous_action=previous_action.flatten(1, 2),
            same_episode=rows[..., None].float(),
            active=active.flatten(1),
            has_previous=active.flatten(1) & rows,
            valid=batch.valid[:-1].repeat_interleave(agents, 1),
            reward=torch.where(acted, batch.reward[:-1], 0.0).flatten(1),
            continues=(acted & continues[:-1]).float().flatten(1),
            available=None if batch.available is None else batch.available.flatten(1, 2).float(),
            adjacency=_adjacency_by_step(batch, begins, masked, absorbing),
            start=batch.acted.any(-1),
            alive=batch.alive,
        )

    @property
    def num_agents(self) -> int:
        """Agents per graph, N."""
        return self.alive.shape[2]


def _adjacency_by_step(
    batch: Trajectory, begins: Tensor, masked: bool, absorbing: bool
) -> list[Adjacency]:
    """For each state the edges of the previous state, or its own at the start of an episode."""
    steps, graphs = begins.shape
    source = torch.arange(steps, device=begins.device)[:, None] - (~begins).long()
    graph = source.clamp(min=0) * graphs + torch.arange(graphs, device=begins.device)
    if masked:
        return [adjacency_over(batch, pick) for pick in graph]
    alive = batch.alive.flatten(0, 1) | absorbing
    return [BlockMask.complete(alive[pick]) for pick in graph]


def adjacency_over(batch: Trajectory, pick: Tensor) -> Adjacency:
    """Adjacency of the picked graphs of a batch."""
    edge_index, _ = batch.edges.select(pick)
    return adjacency_of(edge_index, len(pick), batch.spec.num_agents)


class Unrolled(NamedTuple):
    """Posterior states along sequences.

    Args:
        latent: latent states (time, row, ...).
        logits: posterior logits (time, row, categorical, class).
    """

    latent: Latent
    logits: Tensor


def unroll(model: WorldModel, seq: Sequences, drop: bool = False) -> Unrolled:
    """Posterior states along the sequences, from initial states of zeros."""
    encoded = model.encode(seq.obs)
    latent = model.initial(seq.obs.shape[1])
    states, logits = [], []
    for t, adjacency in enumerate(seq.adjacency):
        latent = Latent(latent.z * seq.same_episode[t], latent.h * seq.same_episode[t])
        h = model.advance(latent, seq.previous_action[t], adjacency, seq.num_agents, drop)
        latent, step_logits = model.observe(h, encoded[t])
        states.append(latent)
        logits.append(step_logits)
    z, h = (torch.stack(part) for part in zip(*states, strict=True))
    return Unrolled(Latent(z, h), torch.stack(logits).unflatten(-1, model.shape))


def model_losses(
    model: WorldModel,
    seq: Sequences,
    unrolled: Unrolled,
    kl: float,
    balance: float,
    information: float,
    reward_loss: PredictionLoss = "smooth_l1",
    observation_loss: PredictionLoss = "smooth_l1",
) -> dict[str, Tensor]:
    """Losses of the world model, by name.

    Means over all agents and states, where masked entries count as 0. The KL divergence is averaged
    over categoricals; the losses of observation, available actions and continuous previous actions
    (half the squared error) are summed over entries.

    Args:
        model: the world model.
        seq: sequences.
        unrolled: posterior states along the sequences.
        kl: weight of the KL divergence.
        balance: weight of the gradient to the prior in the KL divergence.
        information: weight of the prediction of the previous action; 0 for none.
        reward_loss: `smooth_l1`, or half the `squared` error.
        observation_loss: the same of the observations, standardised if the model does so.
    """
    z, h = unrolled.latent
    features = unrolled.latent.features
    prior = model.prior(h).unflatten(-1, model.shape)
    decoded = model.decode(features)
    reward, continues = model.predict(z[:-1], h[1:])
    error = prediction_error(decoded.obs, model.standardise(seq.obs), observation_loss).sum(-1)
    reward_error = prediction_error(reward, seq.reward, reward_loss)
    end_error = F.binary_cross_entropy_with_logits(continues, seq.continues, reduction="none")
    losses = {
        "kl": kl * balanced_kl(unrolled.logits, prior, balance).mean(),
        "observation": (error * seq.active).mean(),
        "reward": (reward_error * seq.valid).mean(),
        "discount": (end_error * seq.valid).mean(),
    }
    available = model.available_logits(features)
    if available is not None and seq.available is not None:
        error = F.binary_cross_entropy_with_logits(available, seq.available, reduction="none")
        losses["available"] = (error.sum(-1) * seq.active).mean()
    if information:
        error = action_error(decoded.previous_action, seq.previous_action, model.discrete)
        losses["information"] = information * (error * seq.has_previous).mean()
    return losses


def action_error(prediction: Tensor, action: Tensor, discrete: bool) -> Tensor:
    """Negative log-likelihood of actions: categorical, or of a Gaussian of unit variance.

    The constant of the Gaussian is left out.

    Args:
        prediction: logits, or continuous actions.
        action: what was done, one-hot if discrete.
        discrete: kind of the actions.
    """
    if discrete:
        logits, label = prediction.movedim(-1, 1), action.argmax(-1)
        return F.cross_entropy(logits, label, reduction="none")
    return ((prediction - action) ** 2).sum(-1) / 2


def prediction_error(prediction: Tensor, target: Tensor, kind: PredictionLoss) -> Tensor:
    """Smooth L1 loss, or half the squared error, of each entry."""
    if kind == "smooth_l1":
        return F.smooth_l1_loss(prediction, target, reduction="none")
    return (prediction - target) ** 2 / 2
