"""NDQ: Wang et al. 2020, "Learning Nearly Decomposable Value Functions" (arXiv 1910.05366)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from graphmarl.data import Trajectory
from graphmarl.functional import geometric, greedy_action, masked_mean, standard_normal_kl
from graphmarl.learners import ValueBased
from graphmarl.methods.iql import q_network
from graphmarl.methods.qmix import Mixing, make_mixer
from graphmarl.nn import Channel, GaussianConv, Messages, Output, Rank, mlp
from graphmarl.step import Spec


class NDQ(ValueBased):
    """Values that are nearly decomposable: agents tell each other only what matters (eq. 10).

    L = L_TD + c_beta ( CE + beta KL ), where CE is the cross-entropy between the best action of the
    target network and a posterior q_xi(A_j | T_j, M_j) of it from what agent j knows and hears
    (expressiveness, eq. 5), and KL, the sum over bits of mu^2 / 2, bounds the entropy of a message
    (succinctness, eq. 9). CE is a mean over the living agents of all steps, KL a mean over them of
    the sum over what each sends. Unlike the paper's code, neither counts padded steps or messages
    to oneself, and its third term, -log N(m; 0, 1), is left out: on average it has KL's gradient.

    Unlike the paper, the weights of the mixer do not read the global state unless `mixer` is
    `qmix`. A mixer that sees the state can put down to it what agents should have told each other:
    its slopes vanish where silent agents are wrong, and with them every gradient of a message, so
    that hallway stays at the wins of silent agents (`scripts/probe_mixer.py`).

    Args:
        spec: shapes of the environment.
        mixer: `stateless`, `qmix` as in the paper, `vdn`, or `none` for independent learners.
        receiver: `slots` reads messages side by side in the places of the senders, as in the paper,
            for a fixed number of agents; `mean` reads their mean, for any number.
        bits: numbers in each message.
        beta: weight of the succinctness loss within the two.
        final_beta: its weight at the end of the run, to which it moves over the second half by
            equal factors; None keeps it.
        c_beta: weight of both losses.
        train_cut: unlike the paper, cut bits in the updates too, those of the smallest mean: of 100
            so many in half of the updates, and a number drawn below it in the others.
        test_noise: draw messages in evaluation too, as the paper's code does, instead of sending
            their means.
        hidden: width of every layer.
        message_hidden: width of the message encoder.
        recurrent: give agents a memory (GRU); messages then depend on it too.
        last_action: let agents know their last action.
        agent_id: let agents know their place, which fixes their number.
        embed: width of the mixing layer.
        hyper_hidden: width of the networks that make its weights.
        learner: arguments of `ValueBased`.
    """

    default_graph = "complete"
    measures = ("td", "expressiveness", "succinctness")

    def __init__(
        self,
        spec: Spec,
        mixer: Mixing = "stateless",
        receiver: Literal["slots", "mean"] = "slots",
        bits: int = 2,
        beta: float = 1e-3,
        final_beta: float | None = None,
        c_beta: float = 1.0,
        train_cut: float = 0.0,
        test_noise: bool = True,
        hidden: int = 64,
        message_hidden: int = 64,
        recurrent: bool = False,
        last_action: bool = False,
        agent_id: bool = False,
        embed: int = 32,
        hyper_hidden: int = 64,
        **learner: Any,
    ) -> None:
        for name, value in {"beta": beta, "final_beta": final_beta}.items():
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it must be positive, c_beta may be 0")
        slots = spec.num_agents if receiver == "slots" else 0
        network = q_network(
            spec,
            "NDQ",
            hidden,
            recurrent,
            last_action,
            agent_id,
            lambda known: Messages(GaussianConv(known, bits, message_hidden, slots, test_noise)),
        )
        super().__init__(network, make_mixer(mixer, spec, embed, hyper_hidden), **learner)
        self.train_cut = train_cut
        self.betas, self.c_beta = (beta, beta if final_beta is None else final_beta), c_beta
        assert isinstance(network.context, Messages), "made above"
        heard = spec.obs_size + network.context.size
        wide = 4 * network.context.size
        self.posterior = mlp(heard, wide, wide, spec.num_actions, last_gain=1.0)

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """The losses of the paper, under a cut if there is one in training."""
        if not self.train_cut:
            return super().losses(batch)
        rank = Rank(self.train_cut * min(1.0, 2 * float(torch.rand(()))))
        with Channel(self, batch.spec.num_agents, rank):
            return super().losses(batch)

    def extra_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """Expressiveness and succinctness, weighted."""
        assert target.q is not None and online.latent is not None, "messages and values were made"
        graph = batch.graph()
        assert graph.x is not None and graph.edge_index is not None, "a trajectory has both"
        available = graph.available if "available" in graph else None
        label = greedy_action(target.q, available)
        logits = self.posterior(torch.cat([graph.x.flatten(1), online.latent], 1))
        acted = batch.acted.flatten()
        missed = masked_mean(F.cross_entropy(logits, label, reduction="none"), acted)
        return {
            "expressiveness": self.c_beta * missed,
            "succinctness": self.c_beta * self.beta * self.size(graph.edge_index, acted, online),
        }

    @property
    def beta(self) -> float:
        """The weight of succinctness now."""
        first, last = self.betas
        return geometric(first, last, 2 * float(self.progress) - 1)

    @staticmethod
    def size(edge_index: Tensor, acted: Tensor, online: Output) -> Tensor:
        """KL( N(mu, I) || N(0, I) ) of all that an agent sends, a mean over living agents."""
        assert online.messages is not None, "messages were made"
        divergence = standard_normal_kl(online.messages, torch.ones_like(online.messages))
        sent = divergence.new_zeros(len(acted)).index_add(0, edge_index[0], divergence)
        return masked_mean(sent, acted)
