"""NDQ: Wang et al. 2020, "Learning Nearly Decomposable Value Functions" (arXiv 1910.05366)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from graphmarl.data import Trajectory
from graphmarl.functional import geometric, greedy_action, linear, masked_mean, standard_normal_kl
from graphmarl.methods.q_agents import Mixing, QAgents, make_mixer
from graphmarl.nn import Channel, GaussianCommunication, GaussianConv, Output, Rank, mlp
from graphmarl.step import Spec


class NDQ(QAgents):
    """Values that are nearly decomposable: agents tell each other only what matters (eq. 10).

    L = L_TD + c_beta ( CE + beta KL ), where CE is the cross-entropy between the best action of the
    target network and a posterior q_xi(A_j | T_j, M_j) of it from what agent j sees and hears
    (expressiveness, eq. 5), and KL, the sum over bits of mu^2 / 2, bounds the entropy of a message
    (succinctness, eq. 9). Both are means over steps, CE of the sum over the living agents and KL of
    that over their messages. Unlike the paper's code, neither counts padded steps or messages to
    oneself, and its third term, -log N(m; 0, 1), is left out: on average it has KL's gradient.

    Unlike the paper, the weights of the mixer do not read the global state unless `mixer` is
    `qmix`. Messages begin with means near 0, drowned in their own noise, and a mixer that sees the
    state can put down to it what agents should have told each other: its slopes vanish where silent
    agents are wrong (`scripts/probe_mixer.py`), and no gradient lifts a message out of the noise.
    Hallway then stays at the wins of silent agents; without the state, or without the noise, it is
    solved.

    Args:
        spec: shapes of the environment.
        mixer: `stateless`, `qmix` as in the paper, `vdn`, or `none` for independent learners.
        receiver: `slots` reads messages side by side in the places of the senders, as in the paper,
            for a fixed number of agents; `mean` reads their mean, for any number.
        bits: numbers in each message.
        beta: weight of the succinctness loss within the two. Unlike the paper's 1e-3, the default
            keeps agents nearly silent until they have learned what can be had without messages:
            at 1e-3 one seed of five got stuck on sensor, below the best that silent agents reach.
        final_beta: its weight at the end of the run, to which it moves over the second half by
            equal factors; None keeps it.
        c_beta: weight of both losses.
        train_cut: unlike the paper, cut bits in the updates too, those of the smallest mean: of 100
            so many in half of the updates, and a number drawn below it in the others. It grows
            from 0 in the middle third of the run: agents must talk before they can save words.
        test_noise: draw messages in evaluation too, as the paper's code does, instead of sending
            their means.
        message_hidden: width of the message encoder.
        embed: width of the mixing layer.
        hyper_hidden: width of the networks that make its weights.
        agents: arguments of `QAgents`; with a memory, messages depend on it too.
    """

    default_graph = "complete"
    loss_names = ("td", "expressiveness", "succinctness")

    def __init__(
        self,
        spec: Spec,
        mixer: Mixing = "stateless",
        receiver: Literal["slots", "mean"] = "slots",
        bits: int = 2,
        beta: float = 0.1,
        final_beta: float | None = None,
        c_beta: float = 1.0,
        train_cut: float = 0.0,
        test_noise: bool = True,
        message_hidden: int = 64,
        embed: int = 32,
        hyper_hidden: int = 64,
        **agents: Any,
    ) -> None:
        _check(beta=beta, final_beta=final_beta)
        slots = spec.num_agents if receiver == "slots" else 0
        super().__init__(
            spec,
            lambda: make_mixer(mixer, spec, embed, hyper_hidden),
            lambda known: GaussianCommunication(
                GaussianConv(known, bits, message_hidden, slots, test_noise)
            ),
            **agents,
        )
        Rank(train_cut)  # which refuses what is no percentage
        self.train_cut = train_cut
        self.betas, self.c_beta = (beta, beta if final_beta is None else final_beta), c_beta
        assert isinstance(self.network.communication, GaussianCommunication), "made above"
        size = self.network.communication.size
        known = self.network.inputs.size + size
        self.posterior = mlp(known, 4 * size, 4 * size, spec.num_actions, last_gain=1.0)

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """The losses of the paper, under a cut if there is one in training."""
        if not self.train_cut:
            return super().losses(batch)
        most = linear(0.0, self.train_cut, 3 * float(self.progress) - 1)
        rank = Rank(most * min(1.0, 2 * float(torch.rand(()))))
        with Channel(self, batch.spec.num_agents, rank):
            return super().losses(batch)

    def extra_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """Expressiveness and succinctness, weighted."""
        assert target.q is not None and online.latent is not None, "values and messages were made"
        assert online.messages is not None, "values and messages were made"
        graph = batch.graph()
        assert graph.edge_index is not None, "a trajectory has edges"
        available = graph.available if "available" in graph else None
        label = greedy_action(target.q, available)
        logits = self.posterior(torch.cat([self.network.inputs(graph), online.latent], 1))
        told = sent(graph.edge_index, online.messages, len(label))
        missed = F.cross_entropy(logits, label, reduction="none")
        return {
            "expressiveness": self.c_beta * per_step(batch, missed),
            "succinctness": self.c_beta * self.beta * per_step(batch, told),
        }

    @property
    def beta(self) -> float:
        """The weight of succinctness now."""
        first, last = self.betas
        return geometric(first, last, 2 * float(self.progress) - 1)


def sent(
    edge_index: Int[Tensor, "2 edge"], messages: Float[Tensor, "edge bit"], rows: int
) -> Float[Tensor, " row"]:
    """KL( N(mu, I) || N(0, I) ) of all that each agent sends."""
    divergence = standard_normal_kl(messages, torch.ones_like(messages))
    return divergence.new_zeros(rows).index_add(0, edge_index[0], divergence)


def per_step(batch: Trajectory, rows: Float[Tensor, " row"]) -> Float[Tensor, ""]:
    """Mean over steps of the sum over the agents that acted."""
    each = torch.where(batch.acted.flatten(), rows, 0.0).view(batch.alive.shape)
    return masked_mean(each.sum(-1), batch.acted.any(-1))


def _check(**weights: float | None) -> None:
    """Refuse weights that are not positive."""
    for name, weight in weights.items():
        if weight is not None and not weight > 0:
            raise ValueError(f"{name} is {weight}; it must be positive, c_beta may be 0")
