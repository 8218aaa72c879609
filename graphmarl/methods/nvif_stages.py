"""Pre-training stages of NVIF: observation autoencoder, then information flow (Algorithm 1)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from graphmarl.agent_graph import scaled
from graphmarl.data import Trajectory
from graphmarl.functional import consistency, masked_mean, standard_normal_kl
from graphmarl.learners import Stage
from graphmarl.nn import FlowDecoder, FlowEncoder, symmetric_norm
from graphmarl.ranges import NonNegativeFloat, PositiveInt, UnitInterval


class CodeStage(Stage):
    """Pre-training of the observation autoencoder on the views of live agents.

    The loss of a variational one includes KL( N(mu, sigma^2) || N(0, I) ).

    Args:
        encoder: flow encoder, whose autoencoder is trained in place.
        episodes: number of random episodes.
        epochs: epochs over the episodes.
        likelihood: `bernoulli` or `gaussian`.
        rows: observations per optimiser step.
    """

    def __init__(
        self,
        encoder: FlowEncoder,
        episodes: PositiveInt,
        epochs: PositiveInt,
        likelihood: str = "bernoulli",
        rows: int = 2048,
    ) -> None:
        super().__init__("code", episodes, copies=4, epochs=epochs)
        self.autoencoder = encoder.autoencoder.requires_grad_(True)
        self.view, self.likelihood, self.rows = encoder.view, likelihood, rows

    def start(self, trajectories: list[Trajectory]) -> None:
        """Check the range of the views, and initialise the bias of the decoder to their mean.

        Raises:
            ValueError: views outside [0, 1] with a Bernoulli likelihood.
        """
        views = [scaled(t.obs).flatten(3)[..., self.view][t.alive] for t in trajectories]
        low, high = min(float(v.min()) for v in views), max(float(v.max()) for v in views)
        if self.likelihood == "bernoulli" and not (low >= 0 and high <= 1):
            raise ValueError(
                f"observations range from {low:g} to {high:g}; likelihood 'bernoulli' allows 0 to"
                " 1; use likelihood 'gaussian'"
            )
        last = self.autoencoder.decoder[-1]
        assert isinstance(last, torch.nn.Linear), "mlp ends in a linear layer"
        mean = torch.stack([v.mean(0) for v in views]).mean(0)
        with torch.no_grad():
            last.bias.copy_(mean.clamp(1e-4, 1 - 1e-4).logit() if self._odds else mean)

    @property
    def _odds(self) -> bool:
        return self.likelihood == "bernoulli"

    def loss(self, trajectory: Trajectory) -> tuple[Tensor, dict[str, Tensor]]:
        """Reconstruction loss of a random subset of the views."""
        alive = trajectory.alive.flatten().nonzero().flatten()
        rows = alive[torch.randperm(len(alive))[: self.rows].to(alive.device)]
        view = scaled(trajectory.obs.flatten(3).flatten(0, 2)[rows][:, self.view])
        error = reconstruction(self.autoencoder(view), view, self.likelihood).mean()
        metrics = {"reconstruction": error.detach()}
        if self.autoencoder.variational:
            divergence = standard_normal_kl(*self.autoencoder.distribution(view)).mean()
            error, metrics["kl"] = error + divergence, divergence.detach()
        return error, metrics


class FlowStage(Stage):
    """Pre-training of the flow encoder with a decoder on whole episodes (Algorithm 1, eqs. 6-8).

    L = reconstruction + kl * KL( q(s | phi, psi) || N(0, I) ) + alpha * consistency, each a mean
    over live agents and steps.

    Args:
        encoder: flow encoder, trained in place; its autoencoder is frozen.
        episodes: number of random episodes.
        epochs: epochs over the episodes.
        alpha: weight of the consistency loss.
        kl: weight of the KL divergence.
        consistency_on: `mean` or `sample`.
        decoded: share of the agents whose observation is reconstructed.
        likelihood: `bernoulli` or `gaussian`.
        given: checkpoint to load instead of training.
    """

    def __init__(
        self,
        encoder: FlowEncoder,
        episodes: PositiveInt,
        epochs: PositiveInt,
        alpha: NonNegativeFloat = 0.1,
        kl: float = 1.0,
        consistency_on: str = "mean",
        decoded: UnitInterval = 0.2,
        likelihood: str = "bernoulli",
        given: Path | None = None,
    ) -> None:
        super().__init__("flow", episodes, copies=4, epochs=epochs, given=given)
        self.encoder = encoder.requires_grad_(True)
        encoder.autoencoder.requires_grad_(False)
        view, unique = encoder.view, encoder.unique
        self.decoder = FlowDecoder(
            encoder.latent, unique.stop - unique.start, view.stop - view.start
        )
        self.alpha, self.kl, self.consistency_on = alpha, kl, consistency_on
        self.likelihood, self.decoded = likelihood, decoded

    def start(self, trajectories: list[Trajectory]) -> None:
        """Initialise the bias of the decoder from that of the autoencoder."""
        source, target = self.encoder.autoencoder.decoder[-1], self.decoder.layers[-1]
        assert isinstance(source, torch.nn.Linear), "mlp ends in a linear layer"
        assert isinstance(target, torch.nn.Linear), "mlp ends in a linear layer"
        with torch.no_grad():
            target.bias.copy_(source.bias)

    def unroll(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        """Mean mu and standard deviation sigma of every agent and step."""
        graph = trajectory.graph()
        assert graph.edge_index is not None, "a trajectory has edges"
        rows = trajectory.num_envs * trajectory.spec.num_agents
        norm = symmetric_norm(graph.edge_index, graph.num_nodes or 0)
        phi = self.encoder.flow_o(self.encoder.observe(graph), graph.edge_index, norm)
        memory = phi.new_zeros(rows, self.encoder.memory_size)
        counts = trajectory.edges.ptr[:: trajectory.num_envs].diff().tolist()
        edges = graph.edge_index.split(counts, 1)
        edge_norms, self_norms = norm[0].split(counts), norm[1].split(rows)
        means, deviations = [], []
        for t, phi_t in enumerate(phi.split(rows)):
            local = edges[t] - t * rows
            mu, sigma, memory = self.encoder.inference(
                phi_t, memory, local, (edge_norms[t], self_norms[t])
            )
            means.append(mu)
            deviations.append(sigma)
        return torch.cat(means), torch.cat(deviations)

    def loss(self, trajectory: Trajectory) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of eq. 8 over a batch of episodes."""
        mu, sigma = self.unroll(trajectory)
        s = mu + sigma * torch.randn_like(sigma)
        alive = trajectory.alive.flatten()
        agents = trajectory.spec.num_agents
        graph = torch.arange(len(alive) // agents, device=alive.device).repeat_interleave(agents)
        live = alive.nonzero().flatten()
        count = max(1, round(self.decoded * len(live)))
        rows = live[torch.randperm(len(live))[:count].to(live.device)]
        obs = scaled(trajectory.obs.flatten(3).flatten(0, 2)[rows])
        logits = self.decoder(s[rows], obs[:, self.encoder.unique])
        parts = {
            "reconstruction": reconstruction(
                logits, obs[:, self.encoder.view], self.likelihood
            ).mean(),
            "kl": masked_mean(standard_normal_kl(mu, sigma), alive),
            "consistency": masked_mean(
                consistency(
                    mu if self.consistency_on == "mean" else s, graph, alive, len(alive) // agents
                ),
                alive,
            ),
        }
        loss = parts["reconstruction"] + self.kl * parts["kl"] + self.alpha * parts["consistency"]
        return loss, {name: value.detach() for name, value in parts.items()}


def reconstruction(logits: Tensor, view: Tensor, likelihood: str) -> Tensor:
    """Negative log-likelihood of each view, summed over its entries (NVIF, eq. 6)."""
    if likelihood == "gaussian":
        return 0.5 * ((logits - view) ** 2).sum(-1)
    return F.binary_cross_entropy_with_logits(logits, view, reduction="none").sum(-1)
