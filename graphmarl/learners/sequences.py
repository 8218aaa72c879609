"""Sequences of play as a world model learns from them, and what it makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from graphmarl.data import Trajectory
from graphmarl.functional import balanced_kl
from graphmarl.nn import Adjacency, BlockMask, Latent, WorldModel, adjacency_of

RewardLoss = Literal["smooth_l1", "squared"]


@dataclass(frozen=True)
class Sequences:
    """States of B sequences of N agents, one row each; the absorbed have nothing left to say.

    An agent is absorbed when it dies or its episode terminates: its observation is zero from then
    on, its reward is 0, and it does not go on.

    Args:
        obs: (time, row, obs).
        did: (time, row, action), the action that led here, one-hot; zeros where an episode begins.
        same: (time, row, 1), 1 where the episode is that of the state before.
        present: (time, row), agents that are not absorbed.
        before: (time, row), of these the ones whose last action is of this episode.
        moved: (time - 1, row), where the next state follows from this one.
        reward: (time - 1, row).
        goes_on: (time - 1, row).
        available: (time, row, action), or None where all are legal.
        hearing: who hears whom on the way to each state.
        start: (time, graph), states from which one can imagine.
        alive: (time, graph, agent).
    """

    obs: Tensor
    did: Tensor
    same: Tensor
    present: Tensor
    before: Tensor
    moved: Tensor
    reward: Tensor
    goes_on: Tensor
    available: Tensor | None
    hearing: list[Adjacency]
    start: Tensor
    alive: Tensor

    @classmethod
    def of(cls, batch: Trajectory, masked: bool) -> Sequences:
        """What the model learns from.

        Messages on the way to a state go over the edges of the state before, in which they were
        said: those of the state itself would already tell who has died on the way.

        Args:
            batch: sequences from a replay.
            masked: hear over the edges that were used, instead of all the living.
        """
        begins = batch.time == 0
        ended = torch.zeros_like(batch.terminated)
        ended[1:] = (batch.terminated & batch.valid)[:-1]
        present = batch.alive & ~ended[..., None]
        obs = torch.where(present[..., None], batch.obs.float().flatten(3), 0.0)
        assert batch.last_action is not None, "actions are kept"
        did = F.one_hot(batch.last_action, batch.spec.num_actions).float()
        did = did * ~begins[..., None, None]
        acted, lasts = batch.acted[:-1], batch.survived & ~batch.terminated[..., None]
        agents = batch.spec.num_agents
        rows = (~begins).repeat_interleave(agents, 1)
        return cls(
            obs=obs.flatten(1, 2),
            did=did.flatten(1, 2),
            same=rows[..., None].float(),
            present=present.flatten(1),
            before=present.flatten(1) & rows,
            moved=batch.valid[:-1].repeat_interleave(agents, 1),
            reward=torch.where(acted, batch.reward[:-1], 0.0).flatten(1),
            goes_on=(acted & lasts[:-1]).float().flatten(1),
            available=None if batch.available is None else batch.available.flatten(1, 2).float(),
            hearing=_hearing(batch, begins, masked),
            start=batch.acted.any(-1),
            alive=batch.alive,
        )

    @property
    def num_agents(self) -> int:
        """N."""
        return self.alive.shape[2]


def _hearing(batch: Trajectory, begins: Tensor, masked: bool) -> list[Adjacency]:
    """For each state, the edges of the one before, or its own where nothing was before."""
    steps, graphs = begins.shape
    said = torch.arange(steps, device=begins.device)[:, None] - (~begins).long()
    graph = said.clamp(min=0) * graphs + torch.arange(graphs, device=begins.device)
    if masked:
        return [adjacency_over(batch, some) for some in graph]
    alive = batch.alive.flatten(0, 1)
    return [BlockMask.living(alive[some]) for some in graph]


def adjacency_over(batch: Trajectory, pick: Tensor) -> Adjacency:
    """Who heard whom in some graphs of a batch."""
    edge_index, _ = batch.edges.select(pick)
    return adjacency_of(edge_index, len(pick), batch.spec.num_agents)


class Unrolled(NamedTuple):
    """What a model knows along sequences.

    Args:
        latent: states (time, row, ...).
        logits: of the posterior (time, row, categorical, class).
    """

    latent: Latent
    logits: Tensor


def unroll(model: WorldModel, seq: Sequences, drop: bool = False) -> Unrolled:
    """The posterior of every state, from a state of zeros at the beginning of each sequence."""
    encoded = model.encoder(seq.obs)
    latent = model.start(seq.obs.shape[1])
    states, logits = [], []
    for t, hearing in enumerate(seq.hearing):
        latent = Latent(latent.z * seq.same[t], latent.h * seq.same[t])
        h = model.advance(latent, seq.did[t], hearing, seq.num_agents, drop)
        latent, told = model.observe(h, encoded[t])
        states.append(latent)
        logits.append(told)
    z, h = (torch.stack(part) for part in zip(*states, strict=True))
    return Unrolled(Latent(z, h), torch.stack(logits).unflatten(-1, model.shape))


def model_losses(
    model: WorldModel,
    seq: Sequences,
    known: Unrolled,
    kl: float,
    balance: float,
    information: float,
    reward_loss: RewardLoss = "smooth_l1",
) -> dict[str, Tensor]:
    """The losses of the world model, one number each.

    Means over all agents and states; what is left out of some counts as 0. The divergence is
    averaged over the categoricals, observation and legal actions are summed over their numbers.

    Args:
        model: the world model.
        seq: sequences.
        known: its states along them.
        kl: weight of the divergence.
        balance: share of the prior's training in it.
        information: weight of the previous action's prediction; 0 leaves it out.
        reward_loss: `smooth_l1`, or half the `squared` error.
    """
    z, h = known.latent
    features = known.latent.features
    prior = model.prior(h).unflatten(-1, model.shape)
    present = model.present(features)
    reward, goes_on = model.future(z[:-1], h[1:])
    error = F.smooth_l1_loss(present.obs, seq.obs, reduction="none").sum(-1)
    if reward_loss == "smooth_l1":
        reward_error = F.smooth_l1_loss(reward, seq.reward, reduction="none")
    else:
        reward_error = (reward - seq.reward) ** 2 / 2
    end_error = F.binary_cross_entropy_with_logits(goes_on, seq.goes_on, reduction="none")
    losses = {
        "kl": kl * balanced_kl(known.logits, prior, balance).mean(),
        "observation": (error * seq.present).mean(),
        "reward": (reward_error * seq.moved).mean(),
        "discount": (end_error * seq.moved).mean(),
    }
    legal = model.legal(features)
    if legal is not None and seq.available is not None:
        wrong = F.binary_cross_entropy_with_logits(legal, seq.available, reduction="none").sum(-1)
        losses["available"] = (wrong * seq.present).mean()
    if information:
        missed = F.cross_entropy(present.did.movedim(-1, 1), seq.did.argmax(-1), reduction="none")
        losses["information"] = information * (missed * seq.before).mean()
    return losses
