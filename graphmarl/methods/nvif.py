"""NVIF: "Neighboring Variational Information Flow" (arXiv 2207.00964)."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, Literal

from graphmarl.learners import PPO, Learner, QLearning, Stage
from graphmarl.methods.nvif_stages import CodeStage, FlowStage
from graphmarl.nn import ActorCritic, FlowEncoder, MeanObservation, QNetwork, Trunk
from graphmarl.step import Spec, require_discrete


class NVIF(Learner):
    """Agents that hear a pre-trained variational information flow, however they learn.

    Before learning begins, an autoencoder of observations and then the flow are trained on episodes
    of a random policy; both are frozen from there on. `--graph complete` is the paper's Fully-VIF,
    `--method.communication mean` its MS, `--method.alpha 0` leaves out the consistency loss. Unlike
    the paper, agents see the raw observation: trained on its code alone they do not learn.

    Args:
        spec: shapes of the environment.
        flow: checkpoint of a trained flow (`flow.ckpt` of a run) to use instead of training one.
        communication: `flow` is NVIF; `mean` is MS, the mean observation of all living agents.
        layers: rounds of communication within a step, L.
        code_size: size of the observation code.
        flow_hidden: size of the flow's features and memory.
        latent: size of the latent s.
        alpha: weight of the consistency loss (eq. 8).
        kl_coef: weight of the divergence from the prior.
        consistency_on: `mean` pulls the means mu together, `sample` the samples (as in eq. 7).
        sample: give agents samples of s instead of means.
        likelihood: `bernoulli` for observations in [0, 1] (eq. 6), `gaussian` for any others.
        decoded: share of the agents, drawn anew in each step, whose observation is reconstructed.
        episodes: random episodes to train on.
        code_epochs: times that the autoencoder sees each episode.
        flow_epochs: times that the flow sees each episode.
        hidden: width of the agents' layers.
        recurrent: give agents a memory (GRU) of their own that is trained.
        learner: arguments of the learner.
    """

    default_graph = "directional"

    def __init__(
        self,
        spec: Spec,
        flow: str | None = None,
        communication: Literal["flow", "mean"] = "flow",
        layers: int = 2,
        code_size: int = 64,
        flow_hidden: int = 64,
        latent: int = 32,
        alpha: float = 0.1,
        kl_coef: float = 1.0,
        consistency_on: Literal["mean", "sample"] = "mean",
        sample: bool = False,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        decoded: float = 0.2,
        episodes: int = 96,
        code_epochs: int = 3,
        flow_epochs: int = 10,
        hidden: int = 128,
        recurrent: bool = False,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "NVIF")
        view = spec.layout.get("view", slice(0, spec.obs_size))
        unique = spec.layout.get("position", slice(0, 0))
        heard = FlowEncoder(view, unique, code_size, flow_hidden, latent, layers, sample)
        chosen = heard if communication == "flow" else MeanObservation(spec.obs_size)
        network = self.agents(
            spec, hidden=hidden, communication=chosen.requires_grad_(False), recurrent=recurrent
        )
        super().__init__(network, **learner)
        self.flow = Path(flow) if flow else None
        self.episodes, self.likelihood = episodes, likelihood
        self.code_epochs, self.flow_epochs = code_epochs, flow_epochs
        self.weights = (alpha, kl_coef, consistency_on, decoded)

    @staticmethod
    @abstractmethod
    def agents(spec: Spec, **trunk: Any) -> Trunk:
        """The network that the learner trains."""

    def stages(self) -> list[Stage]:
        """The observation autoencoder, then the flow; none for MS."""
        encoder = self.network.communication
        if not isinstance(encoder, FlowEncoder):
            return []
        flow = FlowStage(
            encoder,
            self.episodes,
            self.flow_epochs,
            *self.weights,
            likelihood=self.likelihood,
            given=self.flow,
        )
        if self.flow:
            return [flow]
        code = CodeStage(encoder, self.episodes, self.code_epochs, self.likelihood)
        return [code, flow]


class NVIFPPO(NVIF, PPO):
    """PPO whose agents hear a pre-trained variational information flow (Algorithm 2).

    Unlike the paper, the value's target is the lambda return; `value_target="monte_carlo"` is
    eq. 17.
    """

    @staticmethod
    def agents(spec: Spec, **trunk: Any) -> ActorCritic:
        """Policy and value pi(a | o_i, s_i), V(o_i, s_i)."""
        return ActorCritic(spec.obs_size, spec.num_actions, **trunk)


class NVIFDQN(NVIF, QLearning):
    """Deep Q-learning whose agents hear a pre-trained variational information flow (Section V).

    Every agent learns Q(o_i, s_i, a) from its own reward.
    """

    @staticmethod
    def agents(spec: Spec, **trunk: Any) -> QNetwork:
        """Action values Q(o_i, s_i, a)."""
        return QNetwork(spec.obs_size, spec.num_actions, **trunk)
