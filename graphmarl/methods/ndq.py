"""NDQ: Wang et al. 2020, "Learning Nearly Decomposable Value Functions" (arXiv 1910.05366)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from graphmarl.data import Trajectory
from graphmarl.functional import geometric, greedy_action, linear, masked_mean, standard_normal_kl
from graphmarl.methods.q_agents import Mixing, QAgents, make_mixer
from graphmarl.nn import Channel, GaussianCommunication, GaussianConv, Output, Rank, mlp
from graphmarl.ranges import NonNegativeFloat, Percent, PositiveFloat, Width, WidthOrZero
from graphmarl.step import Spec


class NDQ(QAgents):
    """Nearly decomposable Q-functions with Gaussian messages that can be cut.

    L = L_TD + c_beta ( CE + beta KL ) (eq. 10), where CE is the cross-entropy between the greedy
    action of the target network and its posterior q_xi(A_j | T_j, M_j) given the inputs and
    messages of agent j (expressiveness, eq. 5), and KL, the sum over bits of mu^2 / 2, bounds the
    entropy of a message (succinctness, eq. 9). Both are means over steps, CE of the sum over live
    agents and KL of the sum over their messages. Unlike the paper's code, neither includes padded
    steps, nor messages to oneself unless `own_messages`, and its third term, -log N(m; 0, 1), whose
    expected gradient is that of KL, is omitted unless it has a weight (`entropy_beta`).

    Unlike the paper, the weights of the mixer do not depend on the global state unless `mixer` is
    `qmix`. Messages start with means near 0, dominated by their noise, and a mixer with the state
    can explain the value by the state instead of by messages (`scripts/probe_mixer.py`): with the
    default weights of the losses, Hallway stays at the win rate of agents without communication.
    That is a matter of these settings, not of the mixer: with `c_beta=0.1,beta=0.01`, as released,
    some seeds solve it.

    Args:
        spec: specification of the environment.
        mixer: `stateless`, `qmix` as in the paper, `vdn`, or `none` for independent learners.
        receiver: `slots` concatenates messages by the index of the sender, as in the paper, for a
            fixed number of agents; `mean` averages them, for any number.
        bits: numbers ("bits") in each message.
        beta: weight of the succinctness loss. Unlike the paper's 1e-3, the default suppresses
            messages until agents have learned to act without them: with 1e-3 one seed of five
            stayed below the best policy without communication on sensor.
        final_beta: weight of the succinctness loss at the end of the run, to which it changes
            geometrically over the second half; None keeps `beta`.
        c_beta: weight of both losses.
        entropy_beta: weight of -log N(m; 0, 1), of a sample m of each message; 1e-6 in the paper's
            code.
        own_messages: agents also send a message to themselves, as in the paper's code, which is in
            the succinctness loss and in the ranking of a cut, but is not counted as sent.
        train_cut: unlike the paper, also cut bits in training, those of the smallest mean: this
            percentage in half of the updates, and a uniformly sampled smaller one in the others. It
            grows from 0 over the middle third of the run, after communication has been learned.
        test_noise: sample messages in evaluation too, as in the paper's code, instead of sending
            their means.
        message_hidden: width of the message encoder.
        embed: width of the mixing layer.
        hyper_hidden: width of the hypernetworks that generate its weights.
        agents: arguments of `QAgents`; if recurrent, messages depend on the memory, unless
            `messages_from` is `input`, as in the paper's code.
    """

    default_graph = "complete"
    sends_messages = True
    any_number = "option"
    needs_state = "option"
    loss_names = ("td", "expressiveness", "succinctness")

    def __init__(
        self,
        spec: Spec,
        mixer: Mixing = "stateless",
        receiver: Literal["slots", "mean"] = "slots",
        bits: Width = 2,
        beta: PositiveFloat = 0.1,
        final_beta: PositiveFloat | None = None,
        c_beta: NonNegativeFloat = 1.0,
        entropy_beta: NonNegativeFloat = 0.0,
        own_messages: bool = False,
        train_cut: Percent = 0.0,
        test_noise: bool = True,
        message_hidden: Width = 64,
        embed: Width = 32,
        hyper_hidden: WidthOrZero = 64,
        **agents: Any,
    ) -> None:
        slots = spec.num_agents if receiver == "slots" else 0
        super().__init__(
            spec,
            lambda: make_mixer(mixer, spec, embed, hyper_hidden),
            lambda input_size: GaussianCommunication(
                GaussianConv(input_size, bits, message_hidden, slots, test_noise), own_messages
            ),
            **agents,
        )
        Rank(train_cut)  # checks that it is a percentage
        self.train_cut = train_cut
        self.betas, self.c_beta = (beta, beta if final_beta is None else final_beta), c_beta
        self.entropy_beta = entropy_beta
        if entropy_beta:
            self.loss_names = (*type(self).loss_names, "entropy")
        assert isinstance(self.network.communication, GaussianCommunication), "made above"
        size = self.network.communication.size
        input_size = self.network.inputs.size + size
        self.posterior = mlp(input_size, 4 * size, 4 * size, spec.num_actions, last_gain=1.0)

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """Losses of the paper, with cut messages if `train_cut` is set."""
        if not self.train_cut:
            return super().losses(batch)
        percent = linear(0.0, self.train_cut, 3 * float(self.progress) - 1)
        rank = Rank(percent * min(1.0, 2 * float(torch.rand(()))))
        with Channel(self, batch.spec.num_agents, rank):
            return super().losses(batch)

    def extra_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """Weighted expressiveness and succinctness losses."""
        assert target.q is not None and online.latent is not None, "the network computes them"
        assert online.messages is not None, "the network computes them"
        graph = batch.graph()
        assert graph.edge_index is not None, "a trajectory has edges"
        available = graph.available if "available" in graph else None
        label = greedy_action(target.q, available)
        logits = self.posterior(torch.cat([self.network.inputs(graph), online.latent], 1))
        sent = [(graph.edge_index[0], online.messages)]
        if "own_message" in online.extra:
            own = online.extra["own_message"]
            sent.append((torch.arange(len(own), device=own.device), own))
        expressiveness = F.cross_entropy(logits, label, reduction="none")
        found = {
            "expressiveness": self.c_beta * per_step(batch, expressiveness),
            "succinctness": self.c_beta
            * self.beta
            * per_step(batch, sum_by_sender(sent, message_kl, len(label))),
        }
        if self.entropy_beta:
            entropy = per_step(batch, sum_by_sender(sent, sampled_cross_entropy, len(label)))
            found["entropy"] = self.c_beta * self.entropy_beta * entropy
        return found

    @property
    def beta(self) -> float:
        """Current weight of the succinctness loss."""
        first, last = self.betas
        return geometric(first, last, 2 * float(self.progress) - 1)


def sum_by_sender(
    sent: list[tuple[Tensor, Tensor]], loss: Callable[[Tensor], Tensor], rows: int
) -> Float[Tensor, " row"]:
    """Sum of a loss over the messages sent by each agent.

    Args:
        sent: senders (message,) and means (message, bit) of messages, in several parts.
        loss: loss of each message by its mean.
        rows: number of agents.
    """
    total = sent[0][1].new_zeros(rows)
    for sender, mean in sent:
        total = total.index_add(0, sender, loss(mean))
    return total


def message_kl(mean: Float[Tensor, "message bit"]) -> Float[Tensor, " message"]:
    """KL( N(mu, I) || N(0, I) ) of each message."""
    return standard_normal_kl(mean, torch.ones_like(mean))


def sampled_cross_entropy(mean: Float[Tensor, "message bit"]) -> Float[Tensor, " message"]:
    """-log N(m; 0, I) of a sample m ~ N(mu, I) of each message."""
    m = mean + torch.randn_like(mean)
    return 0.5 * (m**2 + math.log(2 * math.pi)).sum(-1)


def per_step(batch: Trajectory, rows: Float[Tensor, " row"]) -> Float[Tensor, ""]:
    """Mean over steps of the sum over agents that acted."""
    each = torch.where(batch.acted.flatten(), rows, 0.0).view(batch.alive.shape)
    return masked_mean(each.sum(-1), batch.acted.any(-1))
