"""NVIF: "Neighboring Variational Information Flow" (arXiv 2207.00964)."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

from graphmarl.learners import PPO, QLearning, Stage
from graphmarl.methods.base import Method
from graphmarl.methods.nvif_stages import CodeStage, FlowStage
from graphmarl.nn import (
    ActorCritic,
    ContinuousPolicy,
    FlowEncoder,
    LogStd,
    MeanObservation,
    QNetwork,
    Std,
    Trunk,
)
from graphmarl.ranges import FileName, Layers, NonNegativeFloat, PositiveInt, UnitInterval, Width
from graphmarl.step import Spec


class NVIF(Method):
    """Pre-trained neighbouring variational information flow, for any learner.

    An observation autoencoder and then the information flow are pre-trained on episodes of a random
    policy and frozen. `--graph complete` is the paper's Fully-VIF, `--method.communication mean`
    its MS, `--method.alpha 0` omits the consistency loss. The view and the unique features of an
    agent are the parts `view` and `unique`, or else `position`, of its observation; without a
    `view` it is the whole observation. Unlike the paper, agents read the raw observation unless
    `agent_input` is `code`, and the observation autoencoder is not variational unless
    `variational_code`.

    Args:
        spec: specification of the environment.
        flow: checkpoint of a trained flow (`flow.ckpt` of a run) to load instead of training.
        communication: `flow` is NVIF; `mean` is MS, the mean observation of all live agents.
        agent_input: agents read their `observation`, or its `code` alone with their unique
            features, beside s; the code needs communication `flow`.
        layers: rounds of communication within a step, L.
        code_size: size of the observation code.
        variational_code: train the observation autoencoder as a variational one.
        flow_hidden: size of the flow's features and memory.
        latent: size of the latent s.
        alpha: weight of the consistency loss (eq. 8).
        kl_coef: weight of the KL divergence from the prior.
        consistency_on: consistency loss of the means mu (`mean`) or the samples (`sample`, eq. 7).
        sample_latent: communicate samples of s instead of means.
        likelihood: `bernoulli` for observations in [0, 1] (eq. 6), `gaussian` for any others.
        decoded: share of the agents, sampled anew in each step, whose observation is reconstructed.
        episodes: number of random episodes.
        code_epochs: epochs of the autoencoder.
        flow_epochs: epochs of the flow.
        hidden: width of the agents' layers.
        recurrent: recurrent agents (GRU).
        learner: arguments of the learner.
    """

    agent_options: ClassVar[tuple[str, ...]] = ()
    """Options of the agent network of a learner."""
    default_graph = "directional"
    recurrent = True
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        *,
        flow: FileName | None = None,
        communication: Literal["flow", "mean"] = "flow",
        agent_input: Literal["observation", "code"] = "observation",
        layers: Layers = 2,
        code_size: Width = 64,
        variational_code: bool = False,
        flow_hidden: Width = 64,
        latent: Width = 32,
        alpha: NonNegativeFloat = 0.1,
        kl_coef: NonNegativeFloat = 1.0,
        consistency_on: Literal["mean", "sample"] = "mean",
        sample_latent: bool = False,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        decoded: UnitInterval = 0.2,
        episodes: PositiveInt = 96,
        code_epochs: PositiveInt = 3,
        flow_epochs: PositiveInt = 10,
        hidden: Width = 128,
        recurrent: bool = False,
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        view = spec.layout.get("view", slice(0, spec.obs_size))
        unique = spec.layout.get("unique", spec.layout.get("position", slice(0, 0)))
        if agent_input == "code" and communication == "mean":
            raise ValueError("agent_input is 'code'; communication 'mean' trains no code")
        sizes = (code_size, flow_hidden, latent, layers, sample_latent, variational_code)
        encoder = FlowEncoder(view, unique, *sizes, agent_input == "code")
        module = encoder if communication == "flow" else MeanObservation(spec.obs_size)
        trunk = {"communication": module.requires_grad_(False), "recurrent": recurrent}
        trunk |= {name: learner.pop(name) for name in self.agent_options if name in learner}
        network = self.agents(spec, hidden=hidden, **trunk)
        super().__init__(network, **learner)
        self.flow, self.likelihood = Path(flow) if flow else None, likelihood
        self.episodes, self.code_epochs, self.flow_epochs = episodes, code_epochs, flow_epochs
        self.weights = (alpha, kl_coef, consistency_on, decoded)

    @staticmethod
    @abstractmethod
    def agents(spec: Spec, **trunk: Any) -> Trunk:
        """Agent network of the learner."""

    def stages(self) -> list[Stage]:
        """Stages of the observation autoencoder and the flow; none for MS."""
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
    """PPO with a pre-trained neighbouring variational information flow.

    Algorithm 2 of the paper. Unlike the paper, the value target is the lambda return, and actor and
    critic share their first layer; `value_target="monte_carlo"` is eq. 17.

    Args:
        spec: specification of the environment.
        separate_critic: actor and critic share no layer, as in the paper.
        policy: policy of continuous actions, see `PPOAgents`.
        std: standard deviation of the Gaussian, see `PPOAgents`.
        log_std_init: its initial logarithm.
        options: arguments of `NVIF` and `PPO`.
    """

    agent_options = ("separate_critic", "policy")
    continuous = True

    def __init__(
        self,
        spec: Spec,
        separate_critic: bool = False,
        policy: ContinuousPolicy = "squashed",
        std: Std = "free",
        log_std_init: LogStd = 0.0,
        **options: Any,
    ) -> None:
        form = {"policy": policy, "std": std, "log_std_init": log_std_init}
        super().__init__(spec, separate_critic=separate_critic, policy=form, **options)

    @staticmethod
    def agents(spec: Spec, **trunk: Any) -> ActorCritic:
        """Policy and value pi(a | o_i, s_i), V(o_i, s_i)."""
        return ActorCritic(spec.obs_size, spec.num_actions, spec.action, **trunk)


class NVIFDQN(NVIF, QLearning):
    """Deep Q-learning with a pre-trained neighbouring variational information flow.

    Each agent learns Q(o_i, s_i, a) from its own reward (Section V).
    """

    @staticmethod
    def agents(spec: Spec, **trunk: Any) -> QNetwork:
        """Q-network Q(o_i, s_i, a)."""
        return QNetwork(spec.obs_size, spec.num_actions, **trunk)
